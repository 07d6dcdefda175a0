"""What the tests of live clusters share: when they can run, small workloads, and comparing with the evaluator."""

from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

import pytest

from infraray.emulators.cluster.cluster import Cluster, Outcome, Probe
from infraray.emulators.cluster.requirements import problem
from infraray.network_policies import PolicyEvaluator, draw_case
from infraray.network_policies.generator import PORTS

REASON = problem()
needs_clusters = pytest.mark.skipif(REASON is not None, reason=str(REASON))

Object = dict[str, Any]

PERMITTED = ("open", "refused")
"""Reasons that say that packets went there and back."""


def deployment(name: str, *ports: int, replicas: int = 1, **labels: str) -> Object:
    """A deployment that listens on TCP ports."""
    selected = {"app": name, **labels}
    container = {"name": "server", "image": "listener", "ports": [{"containerPort": port} for port in ports]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": selected}, "spec": {"containers": [container]}},
        },
    }


def service(name: str, port: int, target: int | str) -> Object:
    """A service in front of the deployment of the same name."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"app": name}, "ports": [{"name": "main", "port": port, "targetPort": target}]},
    }


def pod(name: str, *ports: tuple[str, int], namespace: str = "default", **labels: str) -> Object:
    """A pod that listens on ports of protocols."""
    listed = [{"protocol": protocol, "containerPort": number} for protocol, number in ports]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"containers": [{"name": "main", "image": "listener", "ports": listed}]},
    }


def policy(name: str, namespace: str = "default", **spec: Any) -> Object:
    """A policy, of all pods if its spec does not say otherwise."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"podSelector": {}, **spec},
    }


def by_source(probes: Sequence[Probe], outcomes: Iterable[Outcome]) -> Mapping[Probe, str]:
    """The reason of each probe."""
    return {probe: outcome.reason for probe, outcome in zip(probes, outcomes, strict=True)}


def objects(cluster: Cluster, path: str) -> list[Object]:
    """The items of a list, with their kind."""
    answer = cluster.request("GET", path)
    of = {"apiVersion": answer["apiVersion"], "kind": answer["kind"].removesuffix("List")}
    return [{**of, **item} for item in answer["items"]]


def disagreements(cluster: Cluster, chance: Random) -> list[str]:
    """Where the kernel and the evaluator see a cluster that has come to rest differently, for all pairs of its pods."""
    pods = [found for found in objects(cluster, "/api/v1/pods") if not found["metadata"].get("deletionTimestamp")]
    state = pods + objects(cluster, "/api/v1/namespaces")
    state += objects(cluster, "/apis/networking.k8s.io/v1/networkpolicies")
    evaluator = PolicyEvaluator.of(state)
    asked = [
        (source, target, Probe(f"pod/{source.name}", target.addresses[0], port, protocol, source.namespace))
        for source in evaluator.pods.values()
        for target in evaluator.pods.values()
        if source is not target
        for port in PORTS
        for protocol in ("TCP", "UDP")
    ]
    chance.shuffle(asked)  # so that the order of attempts does not matter either
    outcomes = cluster.matrix([probe for _, _, probe in asked])
    found = []
    for (source, target, probe), outcome in zip(asked, outcomes, strict=True):
        permitted = evaluator.may(source, target, probe.protocol, probe.port)
        listening = any(port.number == probe.port and port.protocol == probe.protocol for port in target.ports)
        expected = ("open" if listening else "refused") if permitted else "blocked"
        if outcome.reason != expected:
            found.append(f"{probe}: {outcome.reason}, and expected is {expected}")
        elif expected == "open" and outcome.answered != f"{target.namespace}/{target.name}":
            found.append(f"{probe}: answered by {outcome.answered}")
    return found


def play_case(cluster: Cluster, seed: int) -> tuple[int, list[str]]:
    """Plays a random case with its changes; returns how many states there were, and all disagreements.

    Every change is measured when the agents have seen it, with nothing else to wait for.
    """
    case = draw_case(Random(seed))
    for manifest in case.manifests:
        manifest.pop("status", None)
    cluster.apply(case.manifests)
    cluster.settle()
    chance = Random(seed)
    found = disagreements(cluster, chance)
    for change in case.changes:
        change.manifest.pop("status", None)
        if change.action.startswith("delete"):
            cluster.delete([change.manifest])
        else:
            cluster.apply([change.manifest])
        cluster.settle()
        found += [f"seed {seed}, after {change.action}: {one}" for one in disagreements(cluster, chance)]
    return 1 + len(case.changes), found
