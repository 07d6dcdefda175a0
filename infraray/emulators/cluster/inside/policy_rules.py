"""Compiles NetworkPolicies into what the kernel looks up: who may open which connection to which address and port.

A connection from A to B needs A's egress and B's ingress. Each isolated pod has, for its direction, boxes of source
addresses, target addresses, protocols and ports; a connection is permitted if it lies in a box. The boxes of a pod are
disjoint, since the kernel accepts no others, and depend on nothing but what is permitted, so that a change of a policy
changes few of them. ``except`` becomes the addresses that are left: there is no rule that could leave a policy early.

Source: the reference of networking.k8s.io/v1.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, ip_network
from typing import Any, Literal, NamedTuple

Object = dict[str, Any]
Direction = Literal["ingress", "egress"]

DIRECTIONS: tuple[Direction, ...] = ("ingress", "egress")

PROTOCOLS = {"TCP": 6, "UDP": 17, "SCTP": 132}
"""Numbers of the protocols that policies name (IANA)."""

LAST_ADDRESS, LAST_PROTOCOL, LAST_PORT = 2**32 - 1, 255, 2**16 - 1


class Ports(NamedTuple):
    """Ports of protocols, both first and last."""

    first_protocol: int
    last_protocol: int
    first: int
    last: int


ANYTHING = Ports(0, LAST_PROTOCOL, 0, LAST_PORT)
"""Every packet, also one without ports."""


class Box(NamedTuple):
    """Permitted addresses of the other end, first and last, and ports."""

    first: int
    last: int
    ports: Ports


@dataclass(frozen=True)
class Endpoint:
    """A pod that has an address.

    Args:
        namespace: its namespace.
        name: its name.
        labels: its labels.
        address: its address, as a number.
        named_ports: numbers of its ports by protocol and name.
    """

    namespace: str
    name: str
    labels: Mapping[str, str]
    address: int
    named_ports: Mapping[tuple[str, str], frozenset[int]] = field(hash=False)


@dataclass
class Rules:
    """What is in force.

    Args:
        pods: the addresses of pods about which everything is known; to and from others, nothing is permitted.
        isolated: the isolated pods of each direction.
        boxes: what an isolated pod is permitted in a direction.
    """

    pods: frozenset[int] = frozenset()
    isolated: dict[Direction, frozenset[int]] = field(default_factory=lambda: dict.fromkeys(DIRECTIONS, frozenset()))
    boxes: dict[tuple[Direction, int], frozenset[Box]] = field(default_factory=dict)


class Unsupported(Exception):
    """A policy says something that cannot be enforced; the text says what."""


def compile_policies(
    policies: Iterable[Object], pods: Iterable[Endpoint], namespaces: Mapping[str, Mapping[str, str]]
) -> tuple[Rules, dict[str, str]]:
    """The rules of all policies together, and why some policies cannot be enforced, by ``namespace/name``.

    The pods of a policy that cannot be enforced may open and receive nothing.

    Args:
        policies: the manifests.
        pods: the pods.
        namespaces: labels of the namespaces, by name.
    """
    pods = tuple(pods)
    compiler = _Compiler(pods, namespaces)
    faults: dict[str, str] = {}
    closed: set[int] = set()
    isolated: dict[Direction, set[int]] = {direction: set() for direction in DIRECTIONS}
    permitted: dict[tuple[Direction, int], list[Box]] = defaultdict(list)
    for policy in policies:
        metadata, spec = policy["metadata"], policy.get("spec") or {}
        selected = [pod for pod in pods if pod.namespace == metadata["namespace"]]
        try:
            selected = [pod for pod in selected if matches(spec.get("podSelector") or {}, pod.labels)]
            found = {
                (direction, pod.address): list(compiler.boxes(spec, direction, pod))
                for direction in _directions(spec)
                for pod in selected
            }
        except (Unsupported, LookupError, TypeError, ValueError, AttributeError) as error:
            faults[f"{metadata['namespace']}/{metadata['name']}"] = str(error) or type(error).__name__
            closed |= {pod.address for pod in selected}
            continue
        for (direction, address), boxes in found.items():
            isolated[direction].add(address)
            permitted[direction, address] += boxes
    rules = Rules(
        frozenset(pod.address for pod in pods),
        {direction: frozenset(isolated[direction] | closed) for direction in DIRECTIONS},
        {
            (direction, address): frozenset(() if address in closed else disjoint(permitted[direction, address]))
            for direction in DIRECTIONS
            for address in isolated[direction] | closed
        },
    )
    return rules, faults


def matches(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector selects what has these labels.

    Raises:
        Unsupported: it has an operator that does not exist.
    """
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_holds(entry, labels) for entry in selector.get("matchExpressions") or ())


def disjoint(boxes: Iterable[Box]) -> Iterator[Box]:
    """The same permissions in boxes that do not overlap, as few and as large as possible along the addresses."""
    changes: dict[int, Counter[Ports]] = defaultdict(Counter)
    for box in boxes:
        changes[box.first][box.ports] += 1
        changes[box.last + 1][box.ports] -= 1
    active: Counter[Ports] = Counter()
    began, ports = 0, frozenset[Ports]()
    for address in sorted(changes):
        active.update(changes[address])
        now = _merged(entry for entry, count in active.items() if count > 0)
        if now != ports:
            for entry in ports:
                yield Box(began, address - 1, entry)
            began, ports = address, now


class _Compiler:
    """What policies refer to."""

    def __init__(self, pods: tuple[Endpoint, ...], namespaces: Mapping[str, Mapping[str, str]]) -> None:
        self._pods = pods
        self._namespaces = namespaces

    def boxes(self, spec: Object, direction: Direction, pod: Endpoint) -> Iterator[Box]:
        """What a policy permits a pod that it selects; they may overlap."""
        for rule in spec.get(direction) or ():
            peers = rule.get("from" if direction == "ingress" else "to")
            ports = rule.get("ports") or ()
            addresses = list(self._addresses(peers, pod.namespace)) if peers else [(0, LAST_ADDRESS)]
            if not ports:
                yield from (Box(first, last, ANYTHING) for first, last in addresses)
            for port in ports:
                yield from self._of_port(port, direction, pod, addresses)

    def _of_port(
        self, port: Object, direction: Direction, pod: Endpoint, addresses: list[tuple[int, int]]
    ) -> Iterator[Box]:
        name = port.get("protocol") or "TCP"
        if name not in PROTOCOLS:
            raise Unsupported(f"protocol {name} is none of {', '.join(PROTOCOLS)}")
        protocol, number = PROTOCOLS[name], port.get("port")
        if not isinstance(number, str):
            first, last = (0, LAST_PORT) if number is None else (number, port.get("endPort") or number)
            if not 0 <= first <= last <= LAST_PORT:
                raise Unsupported(f"ports {first} to {last} are no range")
            yield from (Box(*span, Ports(protocol, protocol, first, last)) for span in addresses)
        elif direction == "ingress":
            for found in pod.named_ports.get((name, number), ()):
                yield from (Box(*span, Ports(protocol, protocol, found, found)) for span in addresses)
        else:  # each destination knows the name in its own way, and who is no pod does not know it
            for other in self._pods:
                if any(first <= other.address <= last for first, last in addresses):
                    for found in other.named_ports.get((name, number), ()):
                        yield Box(other.address, other.address, Ports(protocol, protocol, found, found))

    def _addresses(self, peers: Iterable[Object], namespace: str) -> Iterator[tuple[int, int]]:
        """First and last address of what peers mean."""
        for peer in peers:
            if (block := peer.get("ipBlock")) is not None:
                yield from _spans(block)
            elif "podSelector" not in peer and "namespaceSelector" not in peer:
                raise Unsupported("a peer has neither a selector nor an ipBlock")
            else:
                for pod in self._pods:
                    if self._is_meant(peer, pod, namespace):
                        yield pod.address, pod.address

    def _is_meant(self, peer: Object, pod: Endpoint, namespace: str) -> bool:
        of_namespace = peer.get("namespaceSelector")
        if of_namespace is None:
            inside = pod.namespace == namespace
        else:
            inside = matches(of_namespace, self._namespaces.get(pod.namespace, {}))
        return inside and matches(peer.get("podSelector") or {}, pod.labels)


def _directions(spec: Object) -> tuple[Direction, ...]:
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    found: list[Direction] = []
    for name in types:
        if name not in ("Ingress", "Egress"):
            raise Unsupported(f"policyTypes has {name}, which is neither Ingress nor Egress")
        found.append("ingress" if name == "Ingress" else "egress")
    return tuple(found)


def _holds(requirement: Object, labels: Mapping[str, str]) -> bool:
    key, operator, values = requirement["key"], requirement["operator"], requirement.get("values") or ()
    if operator == "In":
        return labels.get(key) in values
    if operator == "NotIn":
        return labels.get(key) not in values
    if operator == "Exists":
        return key in labels
    if operator == "DoesNotExist":
        return key not in labels
    raise Unsupported(f"operator {operator} is none of In, NotIn, Exists, DoesNotExist")


def _spans(block: Object) -> Iterator[tuple[int, int]]:
    """First and last address of each part of an ``ipBlock`` that is left by ``except``; none of IPv6."""
    whole = ip_network(block["cidr"], strict=False)
    if not isinstance(whole, IPv4Network):
        return
    begin, last = int(whole.network_address), int(whole.broadcast_address)
    excepted = [ip_network(cidr, strict=False) for cidr in block.get("except") or ()]
    for part in sorted((int(one.network_address), int(one.broadcast_address)) for one in excepted if one.version == 4):
        if begin < part[0] <= last:
            yield begin, part[0] - 1
        begin = max(begin, part[1] + 1)
    if begin <= last:
        yield begin, last


def _merged(ports: Iterable[Ports]) -> frozenset[Ports]:
    """The same ports without overlaps."""
    by_protocol: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for entry in ports:
        if entry == ANYTHING:
            return frozenset((ANYTHING,))
        by_protocol[entry.first_protocol].append((entry.first, entry.last))
    found = set()
    for protocol, ranges in by_protocol.items():
        began, ended = -2, -2
        for first, last in sorted(ranges):
            if first > ended + 1:
                if ended >= 0:
                    found.add(Ports(protocol, protocol, began, ended))
                began = first
            ended = max(ended, last)
        found.add(Ports(protocol, protocol, began, ended))
    return frozenset(found)
