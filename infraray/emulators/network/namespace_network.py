"""A network that Mininet builds in namespaces of its own; see `infraray.emulators.emulator`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infraray.emulators.emulator import BUILD_S, Emulator
from infraray.emulators.fork_server import ForkServer
from infraray.emulators.network.interface import CommandResult
from infraray.emulators.network.requirements import problem
from infraray.emulators.network.topology import Topology
from infraray.errors import InfrarayError, InvalidAction, did_you_mean
from infraray.isolation import Limits

APPLY_S = 20.0
"""Time that each of our own commands may take."""

FLOWMESH_S = 300.0
"""Additional time for measuring the flows of the largest network on a very busy computer."""

fork_server = ForkServer("infraray.emulators.network.inside.server")


class NamespaceNetwork(Emulator):
    """A network that is live when the constructor returns, and fully connected once it is configured.

    See `infraray.emulators.network.interface.Network` and `Emulator`.

    Args:
        topology: its plan.
        limits: the limits of each command.
        configured: whether to configure it at once. Otherwise only machines and cables are made, and `configure` must
            be called before anything else.

    Raises:
        InfrarayError: this machine cannot emulate networks (see `infraray.emulators.network.problem`), or it took too
            long.
    """

    def __init__(self, topology: Topology, limits: Limits | None = None, configured: bool = True) -> None:
        self.topology = topology
        super().__init__(fork_server, "network", lambda: problem(), limits)
        with self._building():
            self._ask(_build(topology), BUILD_S)
            if configured:
                self.configure(topology)

    def configure(self, topology: Topology) -> None:
        """Assigns addresses and names, once; the network is then fully connected.

        Args:
            topology: one of the same shape as the built one.

        Raises:
            InfrarayError: the kernel refuses, or the network is lost.
        """
        self.topology = topology
        try:
            self._ask(_configure(topology), BUILD_S)
        except InfrarayError as error:
            raise self._lose(str(error)) from None  # neither built nor configured

    def pingmesh(self) -> NDArray[np.bool_]:
        """Which ordered pairs reach each other: ``[source, target]`` over ``topology.machines``, the diagonal True.

        A pair is connected if the request reaches the target itself, at the address `Topology.target`, and the reply
        comes back. False is certain; see `infraray.emulators.network.inside.pingmesh`.

        Raises:
            InfrarayError: the computer is too busy to tell, or the network is lost.
        """
        return _table(self._ask({"do": "pingmesh"}))

    def flowmesh(self) -> NDArray[np.bool_]:
        """Which ordered pairs carry all traffic; see `infraray.emulators.network.inside.flowmesh`.

        Raises:
            InfrarayError: the computer is too busy to tell, or the network is lost.
        """
        return _table(self._ask({"do": "flowmesh"}, FLOWMESH_S))

    def run(self, machine: str, command: str) -> CommandResult:
        """Runs an agent's command in a machine's network, isolated by `infraray.isolation` in all other respects.

        Raises:
            InvalidAction: no such machine, or the text cannot be a command.
            InfrarayError: it cannot be isolated here and was not run, or the network is lost.
        """
        if machine not in self.topology.machines:
            raise InvalidAction(self._unknown(machine))
        return CommandResult(**self._run({"do": "run", "machine": machine, "command": command}))

    def apply(self, machine: str, commands: Sequence[str]) -> None:
        """Runs our own shell commands on a machine, in order and without isolation.

        Raises:
            InfrarayError: no such machine; a command failed (with its output); the network is lost.
        """
        if machine not in self.topology.machines:
            raise InfrarayError(self._unknown(machine))
        request = {"do": "apply", "machine": machine, "commands": list(commands), "seconds": APPLY_S}
        self._ask(request, APPLY_S * len(commands))

    def snapshot(self) -> Mapping[str, Mapping[str, Any]]:
        """Each machine's configuration as read by `infraray.emulators.network.inside.configuration`.

        Raises:
            InfrarayError: the network is lost.
        """
        found: dict[str, dict[str, Any]] = self._ask({"do": "snapshot"})
        return found

    def _unknown(self, machine: str) -> str:
        return f"machine={machine!r}: there is none of that name; {did_you_mean(machine, self.topology.machines)}"


def _table(rows: Sequence[str]) -> NDArray[np.bool_]:
    return np.array([[reached == "1" for reached in row] for row in rows], dtype=np.bool_)


def _build(topology: Topology) -> dict[str, Any]:
    """What the child needs to know about a topology's shape.

    Until it is configured, a machine's end of a cable is named after its index among the ends of all segments.
    """
    cables: list[list[tuple[str, str]]] = []
    for number, members in enumerate(topology.members, start=1):
        ends = [(machine, f"end{number}.{place}") for place, machine in enumerate(members)]
        if number <= topology.num_subnets:
            cables += [[end, (f"s{number}", f"s{number}-eth{port}")] for port, end in enumerate(ends, start=1)]
        else:
            cables.append(ends)
    switches = [f"s{number}" for number in range(1, topology.num_subnets + 1)]
    plan = {"machines": topology.machines, "routers": topology.routers, "switches": switches, "cables": cables}
    return {"do": "build", "plan": plan}


def _configure(topology: Topology) -> dict[str, Any]:
    """What the child needs to know about a topology's addresses and names."""
    settings: dict[str, dict[str, list[Any]]] = {
        machine: {"interfaces": [], "routes": []} for machine in topology.machines
    }
    for number, segment in enumerate(topology.segments, start=1):
        for place, interface in enumerate(segment):
            end = (f"end{number}.{place}", interface.name, interface.address, interface.mtu)
            settings[interface.machine]["interfaces"].append(end)
    for route in topology.routes:
        settings[route.machine]["routes"].append((route.to, route.via))
    pairs = {source: [target for target in topology.machines if target != source] for source in topology.machines}
    targets = {one: {other: topology.target(one, other) for other in others} for one, others in pairs.items()}
    mtus = {one: {other: topology.path_mtu(one, other) for other in others} for one, others in pairs.items()}
    return {"do": "configure", "settings": settings, "targets": targets, "mtus": mtus}
