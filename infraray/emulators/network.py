"""What an emulated network is to those who use it: its plan, what can be asked of it, and the answers.

A router joins ``num_subnets`` subnets; each has a switch and ``hosts_per_subnet`` hosts. With a longer
chain there are several routers in a row, and the subnets are spread over them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


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

    @property
    def routers(self) -> tuple[str, ...]:
        """The routers' names, ``r0`` first."""
        return tuple(f"r{index}" for index in range(self.num_routers))

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts' names, ``h1`` first, subnet by subnet."""
        return tuple(f"h{index + 1}" for index in range(self.num_subnets * self.hosts_per_subnet))

    @property
    def machines(self) -> tuple[str, ...]:
        """All machines that take commands and are pinged: hosts, then routers."""
        return self.hosts + self.routers

    @property
    def interfaces(self) -> tuple[Interface, ...]:
        """Every interface of every machine, as it is when the network is whole."""
        raise NotImplementedError  # the network's author writes this


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
