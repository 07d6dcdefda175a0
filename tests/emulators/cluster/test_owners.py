"""Whose a pod is, by the references of its owners."""

from __future__ import annotations

import random
from typing import Any

import pytest

from infraray.emulators.cluster.inside.owners import deployments_of


def made(name: str, uid: str, *owners: tuple[str, str, str], namespace: str = "shop") -> dict[str, Any]:
    references = [{"kind": kind, "name": owner, "uid": owner_uid} for kind, owner, owner_uid in owners]
    return {"metadata": {"name": name, "namespace": namespace, "uid": uid, "ownerReferences": references}}


@pytest.mark.parametrize("seed", range(20))
def test_each_pod_finds_its_deployment(seed: int) -> None:
    dice = random.Random(seed)
    replica_sets, pods, expected = [], [], {}
    for number in range(dice.randint(1, 5)):
        namespace, deployment = dice.choice(("shop", "stock")), f"d{number}"
        for revision in range(dice.randint(1, 3)):
            uid = f"{number}-{revision}"
            owner = ("Deployment", deployment, f"u{number}")
            replica_sets.append(made(f"{deployment}-{revision}", uid, owner, namespace=namespace))
            for pod in range(dice.randint(0, 3)):
                one = made(f"p{uid}-{pod}", f"pod-{uid}-{pod}", ("ReplicaSet", "any", uid), namespace=namespace)
                pods.append(one)
                expected[f"{namespace}/{one['metadata']['name']}"] = f"{namespace}/{deployment}"
    dice.shuffle(pods)
    found = deployments_of(pods, replica_sets)
    assert found == expected and [*found] == sorted(found)


def test_a_replica_set_of_nobody_is_no_deployment_even_by_its_name() -> None:
    alone = made("frontend", "1")
    other = made("frontend", "2", ("Rollout", "frontend", "u"))
    pods = [made("a", "a", ("ReplicaSet", "frontend", "1")), made("b", "b", ("ReplicaSet", "frontend", "2"))]
    pods.append({"metadata": {"name": "c", "namespace": "shop", "uid": "c"}})
    assert deployments_of(pods, [alone, other]) == {}
