"""The plan of an emulated network.

A router joins ``num_subnets`` subnets; each has a switch and ``hosts_per_subnet`` hosts, as in NetArena's
routing application. With a longer chain there are several routers in a row, and the subnets are spread
evenly over them. Hosts have a default route through their subnet's router; routers of a chain have one
static route for each subnet and link that is not theirs.

Addresses and names are given by a list of segments, one for each subnet and link. The plain list is NetArena's, see
`plain_segments`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_network

from infraray.errors import InfrarayError

LIMITS = {"num_subnets": (2, 32), "hosts_per_subnet": (1, 64), "num_routers": (1, 16)}
"""Smallest and largest value of each field of a topology."""

MAX_MACHINES = 128
"""Hosts and routers together; every pair of them is pinged."""

PLAIN_MTU = 1500
"""MTU of an interface, in bytes."""


@dataclass(frozen=True)
class Segment:
    """Addresses and names in a subnet, or on a link between two routers.

    The members of a subnet are its router and then its hosts in order; those of a link are the routers before and
    after it.

    Args:
        network: such as ``192.168.1.0/24``.
        numbers: each member's host number, such as 1 and 101 for .1 and .101.
        names: each member's interface, such as ``r0-eth1``.
        mtu: MTU of all its interfaces, in bytes.
    """

    network: str
    numbers: tuple[int, ...]
    names: tuple[str, ...]
    mtu: int = PLAIN_MTU


@dataclass(frozen=True)
class Interface:
    """One interface of a machine.

    Args:
        machine: the machine it belongs to.
        name: its name on the machine, such as ``r0-eth1``.
        address: with its prefix, such as ``192.168.1.1/24``.
        network: the segment's network, such as ``192.168.1.0/24``.
        mtu: its MTU in bytes.
    """

    machine: str
    name: str
    address: str
    network: str
    mtu: int = PLAIN_MTU

    @property
    def ip(self) -> str:
        """The address without its prefix."""
        return self.address.partition("/")[0]


@dataclass(frozen=True)
class Route:
    """A static route of a machine.

    Args:
        machine: whose it is.
        to: a network, or ``default``.
        via: the next router's address.
    """

    machine: str
    to: str
    via: str


@dataclass(frozen=True)
class Topology:
    """The plan of a network; equal topologies are built equally.

    Args:
        num_subnets: subnets with hosts.
        hosts_per_subnet: hosts in each subnet.
        num_routers: routers, in a chain.
        numbering: the segments, subnets before links; empty for those of `plain_segments`.
    """

    num_subnets: int = 2
    hosts_per_subnet: int = 2
    num_routers: int = 1
    numbering: tuple[Segment, ...] = ()

    def __post_init__(self) -> None:
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise InfrarayError(f"{name}={value}: choose from {low} to {high}")
        if len(self.machines) > MAX_MACHINES:
            raise InfrarayError(
                f"num_subnets={self.num_subnets}, hosts_per_subnet={self.hosts_per_subnet}, "
                f"num_routers={self.num_routers}: makes {len(self.machines)} machines; choose at most {MAX_MACHINES}"
            )

    @property
    def shape(self) -> Topology:
        """The same machines and cables, numbered plainly."""
        return Topology(self.num_subnets, self.hosts_per_subnet, self.num_routers)

    @cached_property
    def routers(self) -> tuple[str, ...]:
        """The routers' names, ``r0`` first."""
        return tuple(f"r{index}" for index in range(self.num_routers))

    @cached_property
    def hosts(self) -> tuple[str, ...]:
        """The hosts' names, ``h1`` first, subnet by subnet."""
        return tuple(f"h{index + 1}" for index in range(self.num_subnets * self.hosts_per_subnet))

    @cached_property
    def machines(self) -> tuple[str, ...]:
        """All machines that take commands and are pinged: hosts, then routers."""
        return self.hosts + self.routers

    @cached_property
    def members(self) -> tuple[tuple[str, ...], ...]:
        """The machines of each segment: of the subnets 1, 2, ..., then of the links."""
        subnets = [
            (self.router_of(subnet), *self.hosts[(subnet - 1) * self.hosts_per_subnet : subnet * self.hosts_per_subnet])
            for subnet in range(1, self.num_subnets + 1)
        ]
        return (*subnets, *zip(self.routers, self.routers[1:], strict=False))

    @cached_property
    def segments(self) -> tuple[tuple[Interface, ...], ...]:
        """The interfaces of each segment, in the order of its members."""
        return tuple(
            tuple(
                Interface(machine, name, _numbered(segment.network, number), segment.network, segment.mtu)
                for machine, name, number in zip(members, segment.names, segment.numbers, strict=True)
            )
            for members, segment in zip(self.members, self.numbering or plain_segments(self), strict=True)
        )

    @cached_property
    def interfaces(self) -> tuple[Interface, ...]:
        """Every interface of every machine in the intact network, machine by machine."""
        found = [interface for segment in self.segments for interface in segment]
        return tuple(sorted(found, key=lambda interface: self.machines.index(interface.machine)))

    @cached_property
    def routes(self) -> tuple[Route, ...]:
        """The static routes of every machine in the intact network."""
        found = [Route(host, "default", self.target(host, self.router_of(self.subnet(host)))) for host in self.hosts]
        for position, router in enumerate(self.routers):
            for segment in self.segments:
                owners = [interface.machine for interface in segment if interface.machine in self.routers]
                if router not in owners:
                    towards = 1 if self.routers.index(owners[0]) > position else -1
                    via = self.target(router, self.routers[position + towards])
                    found.append(Route(router, segment[0].network, via))
        return tuple(found)

    def target(self, source: str, target: str) -> str:
        """The address at which ``target`` is pinged from ``source``, which is another machine.

        A host has only one. A router is pinged at the interface that faces the source, the first that a packet from
        there reaches: hosts of its own subnets ping its address in the subnet, all others the one on the link on their
        side. (NetArena pings the router's first address from everywhere, so a fault of subnet 1's interface shows in
        more cells than the same fault of another one.)
        """
        if target in self.hosts:
            subnet = self.subnet(target)
            return self.segments[subnet - 1][1 + self.hosts.index(target) - (subnet - 1) * self.hosts_per_subnet].ip
        beside = source if source in self.routers else self.router_of(self.subnet(source))
        if beside == target:
            return self.segments[self.subnet(source) - 1][0].ip
        position, other = self.routers.index(beside), self.routers.index(target)
        link, end = (other - 1, 1) if position < other else (other, 0)
        return self.segments[self.num_subnets + link][end].ip

    def path_mtu(self, source: str, target: str) -> int:
        """The smallest MTU on the path from one machine to another, in bytes."""
        near, far = (
            self.routers.index(machine if machine in self.routers else self.router_of(self.subnet(machine)))
            for machine in (source, target)
        )
        passed = [self.subnet(machine) - 1 for machine in (source, target) if machine in self.hosts]
        passed += [self.num_subnets + link for link in range(min(near, far), max(near, far))]
        return min(self.segments[position][0].mtu for position in passed)

    def subnet(self, host: str) -> int:
        """The number of a host's subnet, from 1."""
        return 1 + self.hosts.index(host) // self.hosts_per_subnet

    def router_of(self, subnet: int) -> str:
        """The router of subnet 1, 2, ...; both ends of a chain have at least one subnet."""
        if self.num_routers <= self.num_subnets:
            return f"r{(subnet - 1) * self.num_routers // self.num_subnets}"
        return f"r{(subnet - 1) * (self.num_routers - 1) // (self.num_subnets - 1)}"


def plain_segments(topology: Topology) -> tuple[Segment, ...]:
    """NetArena's numbering, extended to the links, which it does not have.

    Subnet i = 1, 2, ... is 192.168.i.0/24: its router has .1 on ``r*-eth{i}``, its hosts have .101, .102, ...
    on ``h*-eth0``. Link k = 1, 2, ... between routers k-1 and k is 10.0.k.0/30: .1 on
    ``r{k-1}-eth{num_subnets + k}``, .2 on ``r{k}-eth{num_subnets + k}``.
    """
    found = []
    for position, members in enumerate(topology.members):
        number = position + 1
        if number <= topology.num_subnets:
            names = (f"{members[0]}-eth{number}", *(f"{host}-eth0" for host in members[1:]))
            numbers = (1, *range(101, 100 + len(members)))
            found.append(Segment(f"192.168.{number}.0/24", numbers, names))
        else:
            names = tuple(f"{router}-eth{number}" for router in members)
            found.append(Segment(f"10.0.{number - topology.num_subnets}.0/30", (1, 2), names))
    return tuple(found)


def _numbered(network: str, number: int) -> str:
    """The address with that host number in a network, with the network's prefix."""
    found = ip_network(network)
    return f"{found[number]}/{found.prefixlen}"
