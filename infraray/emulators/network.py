"""What an emulated network is to those who use it: its plan, what can be asked of it, and the answers.

A router joins ``num_subnets`` subnets; each has a switch and ``hosts_per_subnet`` hosts, as in NetArena's
routing application. With a longer chain there are several routers in a row, and the subnets are spread
evenly over them.

Subnet i = 1, 2, ... is 192.168.i.0/24: its router has .1 on ``r*-eth{i}``, its hosts have .101, .102, ...
on ``h*-eth0`` and a default route through .1. Link k = 1, 2, ... between routers k-1 and k is 10.0.k.0/30:
.1 on ``r{k-1}-eth{num_subnets + k}``, .2 on ``r{k}-eth{num_subnets + k}``. Routers of a chain have one
static route for each subnet and link that is not theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from infraray.errors import InfrarayError

LIMITS = {"num_subnets": (2, 32), "hosts_per_subnet": (1, 64), "num_routers": (1, 16)}
"""Smallest and largest value of each field of a topology."""

MAX_MACHINES = 128
"""Hosts and routers together; every pair of them is pinged."""


@dataclass(frozen=True)
class Interface:
    """One interface of a machine.

    Args:
        machine: whose it is.
        name: as the machine knows it, such as ``r0-eth1``.
        address: with its prefix, such as ``192.168.1.1/24``.
        network: the subnet, such as ``192.168.1.0/24``.
    """

    machine: str
    name: str
    address: str
    network: str


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
        hosts_per_subnet: hosts in each.
        num_routers: routers, in a chain.
    """

    num_subnets: int = 2
    hosts_per_subnet: int = 2
    num_routers: int = 1

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
    def interfaces(self) -> tuple[Interface, ...]:
        """Every interface of every machine, as it is when the network is whole."""
        found = []
        for index, host in enumerate(self.hosts):
            subnet = 1 + index // self.hosts_per_subnet
            last = 101 + index % self.hosts_per_subnet
            found.append(Interface(host, f"{host}-eth0", f"192.168.{subnet}.{last}/24", f"192.168.{subnet}.0/24"))
        for index, router in enumerate(self.routers):
            for subnet in range(1, self.num_subnets + 1):
                if self.router_of(subnet) == router:
                    network = f"192.168.{subnet}"
                    found.append(Interface(router, f"{router}-eth{subnet}", f"{network}.1/24", f"{network}.0/24"))
            for link in (index, index + 1):  # towards the router before, and the one after
                if 1 <= link < self.num_routers:
                    name, last = f"{router}-eth{self.num_subnets + link}", 2 if link == index else 1
                    found.append(Interface(router, name, f"10.0.{link}.{last}/30", f"10.0.{link}.0/30"))
        return tuple(found)

    @cached_property
    def routes(self) -> tuple[Route, ...]:
        """The static routes of every machine, as they are when the network is whole."""
        found = [Route(host, "default", self.target(host, self.router_of(self._subnet(host)))) for host in self.hosts]
        joins: dict[str, list[str]] = {}
        for interface in self.interfaces:
            if interface.machine in self.routers:
                joins.setdefault(interface.network, []).append(interface.machine)
        for position, router in enumerate(self.routers):
            for network, owners in joins.items():
                if router not in owners:
                    towards = 1 if self.routers.index(owners[0]) > position else -1
                    found.append(Route(router, network, self.target(router, self.routers[position + towards])))
        return tuple(found)

    def target(self, source: str, target: str) -> str:
        """The address at which ``target`` is pinged from ``source``, which is another machine.

        A host has one. A router is pinged at the interface that faces the source, the first that a packet
        from there comes to: hosts of its own subnets ping the subnet's .1, all others the link on their side.
        (NetArena pings the router's first address from everywhere, so that a fault of subnet 1's interface
        shows in more cells than the same fault of another one.)
        """
        if target in self.hosts:
            subnet = self._subnet(target)
            return f"192.168.{subnet}.{101 + self.hosts.index(target) - (subnet - 1) * self.hosts_per_subnet}"
        beside = source if source in self.routers else self.router_of(self._subnet(source))
        if beside == target:
            return f"192.168.{self._subnet(source)}.1"
        position, other = self.routers.index(beside), self.routers.index(target)
        return f"10.0.{other}.2" if position < other else f"10.0.{other + 1}.1"

    def _subnet(self, host: str) -> int:
        return 1 + self.hosts.index(host) // self.hosts_per_subnet

    def router_of(self, subnet: int) -> str:
        """The router that joins subnet 1, 2, ...; both ends of a chain have at least one."""
        if self.num_routers <= self.num_subnets:
            return f"r{(subnet - 1) * self.num_routers // self.num_subnets}"
        return f"r{(subnet - 1) * (self.num_routers - 1) // (self.num_subnets - 1)}"


@dataclass(frozen=True)
class CommandResult:
    """What became of one untrusted command.

    Args:
        output: standard output and error, in order, bounded, terminal control characters removed.
        exit_code: of the command; None where it was ended.
        ended: why it was ended: ``time``, ``memory``, ``output``, ... ; None where it ended by itself.
        wall_s: seconds it took.
    """

    output: str
    exit_code: int | None
    ended: str | None
    wall_s: float


class Network(Protocol):
    """A live network. Not for several threads at a time."""

    topology: Topology

    def pingmesh(self) -> NDArray[np.bool_]:
        """Which ordered pairs reach each other: ``[source, target]`` over ``topology.machines``, the diagonal True."""

    def run(self, machine: str, command: str) -> CommandResult:
        """Runs what an agent wrote on a machine, isolated and bounded."""

    def apply(self, machine: str, commands: Sequence[str]) -> None:
        """Runs our own commands on a machine, such as a fault's; raises where one fails."""

    def snapshot(self) -> Mapping[str, Mapping[str, Any]]:
        """Each machine's network configuration in a canonical form: addresses, links, routes, rules, filters, sysctls.

        Equal snapshots mean an equal configuration: counters, timers and caches are left out.
        """

    def close(self) -> None:
        """Ends the network; nothing of it is left on the host."""
