"""The interface of an emulated network: its methods and their results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from infraray.emulators.network.topology import Topology


@dataclass(frozen=True)
class CommandResult:
    """The result of one untrusted command.

    Args:
        output: standard output and error, in order, bounded, terminal control characters removed.
        exit_code: the command's exit code; None if it was ended.
        ended: why it was ended: ``time``, ``memory``, ``output``, ... ; ``storm`` if it left packets circulating
            without end, so that its machine's links were taken down; None if it ended by itself.
        wall_s: seconds it took.
    """

    output: str
    exit_code: int | None
    ended: str | None
    wall_s: float


class Network(Protocol):
    """A live network. Not thread-safe."""

    topology: Topology

    def pingmesh(self) -> NDArray[np.bool_]:
        """Which ordered pairs reach each other: ``[source, target]`` over ``topology.machines``, the diagonal True."""

    def flowmesh(self) -> NDArray[np.bool_]:
        """Which ordered pairs carry all traffic: UDP and TCP on random ports, in full-length packets, without loss.

        Same shape as `pingmesh`, but ten times slower.
        """

    def run(self, machine: str, command: str) -> CommandResult:
        """Runs an agent's command on a machine, isolated and within limits."""

    def apply(self, machine: str, commands: Sequence[str]) -> None:
        """Runs our own commands on a machine, such as a fault's; raises if one fails."""

    def snapshot(self) -> Mapping[str, Mapping[str, Any]]:
        """Each machine's network configuration in canonical form: addresses, links, routes, rules, filters, sysctls.

        Equal snapshots mean an equal configuration: counters, timers and caches are left out.
        """

    def close(self) -> None:
        """Ends the network; nothing of it is left on the host."""
