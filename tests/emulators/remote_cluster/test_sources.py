"""From where a probe starts, out of what a look at an application found."""

from __future__ import annotations

from typing import Any

import pytest

from infraray.emulators.cluster.cluster import Probe
from infraray.emulators.remote_cluster.attempts import plan
from infraray.emulators.remote_cluster.look import READ, Look
from infraray.errors import InvalidAction


def owned(name: str, kind: str, owner: str, **more: Any) -> dict[str, Any]:
    references = [{"kind": kind, "name": owner, "uid": f"{kind}-{owner}"}]
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": f"ReplicaSet-{name}", "ownerReferences": references}
    } | more


def running(address: str) -> dict[str, Any]:
    return {"status": {"phase": "Running", "podIP": address}}


@pytest.fixture
def look() -> Look:
    objects: dict[str, dict[str, Any]] = {kind: {} for kind in READ}
    objects["ReplicaSet"]["shop/web-1"] = owned("web-1", "Deployment", "web")
    objects["Pod"]["shop/web-1-b"] = owned("web-1-b", "ReplicaSet", "web-1", **running("10.0.0.2"))
    objects["Pod"]["shop/web-1-a"] = owned("web-1-a", "ReplicaSet", "web-1", status={"phase": "Pending"})
    return Look(objects)


@pytest.mark.parametrize(
    ("source", "pod"),
    [
        ("deployment/web", "shop/web-1-b"),
        ("pod/web-1-b", "shop/web-1-b"),
        ("pod/web-1-a", ""),
        ("pod/web", ""),  # a deployment's name is no pod's
        ("deployment/web-1", ""),
        ("deployment/none", ""),
    ],
)
def test_a_probe_starts_in_what_its_source_names(look: Look, source: str, pod: str) -> None:
    assert plan(look, Probe(source, "web", 80, "TCP", "shop")).source == pod


@pytest.mark.parametrize("source", ["web", "", "service/web", "Pod/web-1-b"])
def test_another_source_is_refused(look: Look, source: str) -> None:
    with pytest.raises(InvalidAction, match="give pod/NAME or deployment/NAME"):
        plan(look, Probe(source, "web", 80, "TCP", "shop"))
