"""What policies permit on paper, beyond the connections that can be attempted.

A repair may have any form, so policies are compared by their effect: for every pod, for a pod of every kind that a rule
mentions, for addresses in and around every network that one mentions, and for every port and protocol near those that
one mentions. Two sets of policies with the same effect there are equal for all that anybody could run or send.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infraray.network_policies import IPBlock, Namespace, NetworkPolicy, PermissionTables, Pod
from infraray.network_policies.evaluator import End
from infraray.network_policies.pods import PROTOCOLS, Protocol
from infraray.network_policies.policies import DIRECTIONS
from infraray.network_policies.selectors import LabelSelector
from infraray.scenarios.kubernetes_policy.site.application import Application, Manifest

STRANGER = "infraray-stranger"
"""The namespace, and the label, of a pod that no rule can mean by chance."""

OUTSIDE_ADDRESS = "8.8.8.8"
POD_NETWORKS = ip_network("10.0.0.0/8")
"""Where clusters' pods are: a network that overlaps it means workloads."""

SPARE_ADDRESSES = ip_network("10.244.128.0/17")
"""Addresses of pods that do not run: of the network that clusters take for pods, but of none that runs."""

OTHER_PORT = 40404
"""A port that stands for all that nobody mentions."""

HIGHEST_PORT = 65535

MAX_CELLS = 1 << 22
"""Cells of a table, a few times those of the largest application: what an agent writes must not fill the memory."""

Pair = tuple[str, str]
"""The names of two ends: who sends, and who receives."""


@dataclass(frozen=True)
class Effect:
    """What several sets of policies permit, over one common domain.

    Args:
        ends: the names of the ends.
        tables: ``[source, target, port]`` of each set.
        sides: the same of each set for what is received and for what is sent alone, where neither hides the other.
        attempted: for each attempt, the place in a table of the connection that it makes.
    """

    ends: tuple[str, ...]
    tables: tuple[NDArray[np.bool_], ...]
    sides: tuple[tuple[NDArray[np.bool_], ...], ...]
    attempted: tuple[tuple[int, int, int], ...]

    def differing(self, one: int, other: int) -> set[Pair]:
        """The pairs of ends between which two sets of policies differ at all."""
        places = (self.tables[one] != self.tables[other]).any(axis=2)
        return {(self.ends[source], self.ends[target]) for source, target in np.argwhere(places)}

    def distance(self, one: int, other: int) -> int:
        """In how much two sets of policies differ, on either side."""
        return sum(int((ours != theirs).sum()) for ours, theirs in zip(self.sides[one], self.sides[other], strict=True))

    def attempts(self, number: int) -> NDArray[np.bool_]:
        """Which attempts one set of policies permits."""
        return np.array([self.tables[number][place] for place in self.attempted], np.bool_)


def effect(application: Application, addresses: Mapping[str, str], *policies: Sequence[Manifest]) -> Effect:
    """The effect of each set of policies on an application.

    Args:
        application: the application.
        addresses: the addresses of its pods by workload; those that are not given get one like a cluster's.
        policies: the sets.

    Raises:
        InfrarayError: a policy is none that an API server would have taken.
    """
    domain = _Domain.of(application, addresses, (manifest for one in policies for manifest in one))
    pods, outside, ports, known = domain.pods, domain.outside, domain.ports, domain.policies
    made = PermissionTables(domain.namespaces, domain.ends, ports)
    sets = [[known[id(manifest)] for manifest in one] for one in policies]
    tables = tuple(made.permitted(one) for one in sets)
    sides = tuple(
        tuple(made.permitted(policy.narrowed(direction) for policy in one) for direction in DIRECTIONS) for one in sets
    )
    names = [pod.name for pod in pods] + ["/".join(pod.key) for pod in domain.witnesses] + outside
    place = {pod.name: position for position, pod in enumerate(pods)}
    attempted = tuple(
        (place[source.name], place[target.name], ports.index((target.protocol, target.port or 0)))
        for source, target in application.attempts
    )
    return Effect(tuple(names), tables, sides, attempted)


def is_legible(application: Application, policies: Iterable[Manifest]) -> bool:
    """Whether policies mention no more than can be compared; those of every application do by a large margin."""
    domain = _Domain.of(application, {}, policies)
    return len(domain.ends) ** 2 * len(domain.ports) <= MAX_CELLS


@dataclass(frozen=True)
class _Domain:
    """For what policies are compared.

    Args:
        policies: the policies, by the id of their manifests.
        namespaces: the namespaces.
        pods: those that run.
        witnesses: those that could.
        outside: addresses.
        ports: ports.
    """

    policies: dict[int, NetworkPolicy]
    namespaces: list[Namespace]
    pods: list[Pod]
    witnesses: list[Pod]
    outside: list[str]
    ports: list[tuple[Protocol, int]]

    @classmethod
    def of(cls, application: Application, addresses: Mapping[str, str], manifests: Iterable[Manifest]) -> _Domain:
        """All that policies mention."""
        spare = (str(address) for address in SPARE_ADDRESSES)
        pods = [workload.pod(addresses.get(workload.name) or next(spare)) for workload in application.workloads]
        known: dict[int, NetworkPolicy] = {}
        for manifest in manifests:
            if id(manifest) not in known:
                known[id(manifest)] = NetworkPolicy.of(manifest)
        everything = [*known.values()]
        namespaces = {
            name: Namespace.named(name) for name in (*application.namespaces, *(pod.namespace for pod in pods))
        }
        witnesses = _witnesses(everything, namespaces, application, spare)
        outside, ports = _addresses(everything), _ports(everything, application)
        return cls(known, [*namespaces.values()], pods, witnesses, outside, ports)

    @property
    def ends(self) -> list[End]:
        """Everybody who sends or receives."""
        return [*self.pods, *self.witnesses, *self.outside]


def _witnesses(
    policies: Iterable[NetworkPolicy],
    namespaces: dict[str, Namespace],
    application: Application,
    addresses: Iterator[str],
) -> list[Pod]:
    """A pod for every kind that a policy mentions; adds the namespaces that they need.

    One with a workload's label ``app`` has the workload's ports too, so that their names mean the same.
    """
    wanted: dict[tuple[str, str], dict[str, str]] = {}

    def want(namespace: Namespace, labels: dict[str, str]) -> None:
        namespaces.setdefault(namespace.name, namespace)
        wanted[namespace.name, f"{'-'.join(map('='.join, sorted(labels.items())))}"] = labels

    stranger = Namespace.named(STRANGER)
    for name in (*[*namespaces], STRANGER):
        want(namespaces.get(name, stranger), {STRANGER: "yes"})
    for policy in policies:
        own = namespaces.setdefault(policy.namespace, Namespace.named(policy.namespace))
        want(own, _labels(policy.selector))
        for direction in policy.directions:
            for peer in (peer for rule in policy.rules(direction) for peer in rule.peers if peer.block is None):
                labels = {STRANGER: "yes"} if peer.pods is None else _labels(peer.pods)
                if peer.namespaces is None:
                    want(own, labels)
                else:
                    meant = [one for one in namespaces.values() if peer.namespaces.matches(one.labels)]
                    for namespace in meant or [_namespace(peer.namespaces)]:
                        want(namespace, labels)
    ports = {workload.name: workload.pod().ports for workload in application.workloads}
    return [
        Pod(f"a pod {name}", namespace, labels, ports.get(labels.get("app", ""), ()), (next(addresses),))
        for (namespace, name), labels in wanted.items()
    ]


def _namespace(selector: LabelSelector) -> Namespace:
    """A namespace that a selector means, if there can be one."""
    labels = _labels(selector)
    name = labels.get("kubernetes.io/metadata.name") or f"{STRANGER}-{'-'.join(map('='.join, sorted(labels.items())))}"
    return Namespace.named(name, labels)


def _labels(selector: LabelSelector) -> dict[str, str]:
    """Labels that a selector means, if there can be such."""
    labels = {STRANGER: "yes"}
    for requirement in selector.match_expressions:
        if requirement.operator == "In":
            labels[requirement.key] = requirement.values[0]
        elif requirement.operator == "Exists":
            labels.setdefault(requirement.key, STRANGER)
    return {**labels, **selector.match_labels}


def _addresses(policies: Iterable[NetworkPolicy]) -> list[str]:
    """Addresses at the edges of every network that a policy mentions, within and without."""
    found = {OUTSIDE_ADDRESS: None}
    for block in _blocks(policies):
        for network in (block.cidr, *block.excepted):
            first, last = int(network.network_address), int(network.broadcast_address)
            for number in (first - 1, first, first + 1, last, last + 1):
                if 0 <= number < 2**network.max_prefixlen:
                    found[str(ip_address(number) if network.version == 4 else type(network[0])(number))] = None
    return [*found]


def _blocks(policies: Iterable[NetworkPolicy]) -> Iterator[IPBlock]:
    for policy in policies:
        for direction in policy.directions:
            for rule in policy.rules(direction):
                yield from (peer.block for peer in rule.peers if peer.block is not None)


def _ports(policies: Iterable[NetworkPolicy], application: Application) -> list[tuple[Protocol, int]]:
    """Every port that a policy mentions or that is listened on, its neighbours, and another one."""
    numbers = {workload.port for workload in application.targets if workload.port is not None}
    mentioned = {OTHER_PORT, *numbers}
    for policy in policies:
        for direction in policy.directions:
            for port in (port for rule in policy.rules(direction) for port in rule.ports):
                if isinstance(port.port, int):
                    edges = (port.port, port.end or port.port)
                    mentioned |= {edge + step for edge in edges for step in (-1, 0, 1)}
    return [(protocol, number) for number in sorted(mentioned) for protocol in PROTOCOLS if 1 <= number <= HIGHEST_PORT]


def without_status(manifest: Mapping[str, Any]) -> Manifest:
    """What a person would write of an object that the API server returned."""
    metadata = {key: value for key, value in manifest["metadata"].items() if key in ("name", "namespace", "labels")}
    return {
        "apiVersion": manifest["apiVersion"],
        "kind": manifest["kind"],
        "metadata": metadata,
        "spec": manifest["spec"],
    }
