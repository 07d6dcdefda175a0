"""NetworkPolicies of networking.k8s.io/v1 as values, with the API's defaults filled in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Literal, get_args

from infraray.network_policies.pods import DEFAULT_NAMESPACE, Namespace, Pod, Protocol, port_number, protocol_of
from infraray.network_policies.reading import Field, Manifest, read
from infraray.network_policies.selectors import LabelSelector

Direction = Literal["Ingress", "Egress"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)


@dataclass(frozen=True)
class IPBlock:
    """Addresses of a network, except those of some parts of it.

    Args:
        cidr: the network.
        excepted: the parts.
    """

    cidr: IPv4Network | IPv6Network
    excepted: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def of(cls, found: Field) -> IPBlock:
        """Reads an ``ipBlock``.

        Raises:
            InfrarayError: a network is none, or an exception is not a proper part of the network.
        """
        cidr = _network(found["cidr"])
        excepted = []
        for entry in found["except"].entries():
            part = _network(entry)
            if part.version != cidr.version or part == cidr or not part.subnet_of(cidr):  # type: ignore[arg-type]
                raise entry.fail(f"must be a proper part of cidr, {cidr}")
            excepted.append(part)
        return cls(cidr, tuple(excepted))

    def contains(self, address: str) -> bool:
        """Whether an address is meant."""
        ip = ip_address(address)
        return ip in self.cidr and not any(ip in part for part in self.excepted)


@dataclass(frozen=True)
class Peer:
    """One of ``from`` or ``to``: pods by their labels and their namespaces', or addresses.

    Args:
        pods: selects pods; None for all of the namespaces'.
        namespaces: selects their namespaces; None for the policy's own.
        block: the addresses, instead of both.
    """

    pods: LabelSelector | None = None
    namespaces: LabelSelector | None = None
    block: IPBlock | None = None

    @classmethod
    def of(cls, found: Field) -> Peer:
        """Reads a peer.

        Raises:
            InfrarayError: it is empty, or has an ``ipBlock`` and a selector.
        """
        pods, namespaces, block = found["podSelector"], found["namespaceSelector"], found["ipBlock"]
        if not block.is_absent:
            if not (pods.is_absent and namespaces.is_absent):
                raise found.fail("an ipBlock must stand alone; give selectors in an entry of their own")
            return cls(block=IPBlock.of(block))
        if pods.is_absent and namespaces.is_absent:
            raise found.fail("must have a podSelector, a namespaceSelector or an ipBlock")
        return cls(
            None if pods.is_absent else LabelSelector.of(pods),
            None if namespaces.is_absent else LabelSelector.of(namespaces),
        )

    def includes(self, pod: Pod, namespace: Namespace, policy_namespace: str) -> bool:
        """Whether a pod is meant, by its labels or by one of its addresses."""
        if self.block is not None:
            return any(self.block.contains(address) for address in pod.addresses)
        if pod.host_network:
            return False
        if self.namespaces is None:
            inside = pod.namespace == policy_namespace
        else:
            inside = self.namespaces.matches(namespace.labels)
        return inside and (self.pods is None or self.pods.matches(pod.labels))


@dataclass(frozen=True)
class PolicyPort:
    """One of ``ports``.

    Args:
        protocol: its protocol.
        port: a number, a name of container ports, or None for all ports of the protocol.
        end: the last port of a range that begins with ``port``.
    """

    protocol: Protocol = "TCP"
    port: int | str | None = None
    end: int | None = None

    @classmethod
    def of(cls, found: Field) -> PolicyPort:
        """Reads an entry.

        Raises:
            InfrarayError: it is no port, or a range without a beginning or that ends before it.
        """
        protocol, port, end = protocol_of(found["protocol"]), found["port"], found["endPort"]
        named = isinstance(port.value, str)
        first = None if port.is_absent else port.text() if named else port_number(port)
        if named and not first:
            raise port.fail("must be a number or a name")
        if end.is_absent:
            return cls(protocol, first)
        if not isinstance(first, int):
            raise end.fail("needs a port that is a number")
        last = port_number(end)
        if last < first:
            raise end.fail(f"must be at least port, {first}")
        return cls(protocol, first, last)

    def includes(self, protocol: Protocol, number: int, destination: Pod | None) -> bool:
        """Whether a destination's port is meant; a name means what the destination calls so."""
        if protocol != self.protocol:
            return False
        if isinstance(self.port, str):
            return destination is not None and number in destination.numbers(self.port, protocol)
        return self.port is None or self.port <= number <= (self.end or self.port)


@dataclass(frozen=True)
class Rule:
    """One of ``ingress`` or ``egress``: it permits what goes to one of its ports, from or to one of its peers.

    Args:
        peers: its peers; none means everybody, also outside the cluster.
        ports: its ports; none means all.
    """

    peers: tuple[Peer, ...] = ()
    ports: tuple[PolicyPort, ...] = ()


@dataclass(frozen=True)
class NetworkPolicy:
    """A policy: it isolates the pods that it selects, except for what its rules permit.

    Args:
        name: its name.
        namespace: its namespace, in which it selects pods.
        selector: selects them.
        directions: those in which it isolates.
        ingress: what the pods may receive.
        egress: what they may send.
        defaulted: whether ``policyTypes`` was left out, so that the directions follow from the rules.
    """

    name: str
    namespace: str
    selector: LabelSelector
    directions: frozenset[Direction]
    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()
    defaulted: bool = False

    @classmethod
    def of(cls, manifest: Manifest) -> NetworkPolicy:
        """Reads a manifest of kind NetworkPolicy.

        Raises:
            InfrarayError: a field is wrong.
        """
        root = read(manifest)
        metadata, spec = root["metadata"], root["spec"]
        egress = tuple(_rule(entry, "to") for entry in spec["egress"].entries())
        directions = spec["policyTypes"].texts()
        for direction, entry in zip(directions, spec["policyTypes"].entries(), strict=True):
            if direction not in DIRECTIONS:
                raise entry.fail(f"must be one of {', '.join(DIRECTIONS)}")
        return cls(
            metadata["name"].text(),
            metadata["namespace"].text(DEFAULT_NAMESPACE),
            LabelSelector.of(spec["podSelector"]),
            frozenset(directions or DIRECTIONS[: 2 if egress else 1]),  # type: ignore[arg-type]
            tuple(_rule(entry, "from") for entry in spec["ingress"].entries()),
            egress,
            defaulted=not directions,
        )

    def selects(self, pod: Pod) -> bool:
        """Whether it applies to a pod."""
        return pod.namespace == self.namespace and not pod.host_network and self.selector.matches(pod.labels)

    def narrowed(self, direction: Direction) -> NetworkPolicy:
        """The same for one direction alone."""
        return replace(self, directions=self.directions & {direction})

    def rules(self, direction: Direction) -> tuple[Rule, ...]:
        """The rules of one direction."""
        return self.ingress if direction == "Ingress" else self.egress


def _rule(found: Field, peers: str) -> Rule:
    return Rule(
        tuple(Peer.of(entry) for entry in found[peers].entries()),
        tuple(PolicyPort.of(entry) for entry in found["ports"].entries()),
    )


def _network(found: Field) -> IPv4Network | IPv6Network:
    try:
        return ip_network(found.text(), strict=False)
    except ValueError:
        raise found.fail("must be a network such as 10.0.0.0/8") from None
