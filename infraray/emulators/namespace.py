"""A live network in its own namespaces: it needs no root, is separate from all others and leaves nothing behind.

A fork server forks a child for each network (`infraray.emulators.inside`). The child makes new user, mount,
pid, network, ipc, uts and cgroup namespaces, and Mininet builds the network in them. The child ends when it is killed
or any process between it and this one ends, and everything in its namespaces ends with it. No name is ever taken on
the host, so kill -9 of anything leaves nothing behind.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infraray.emulators.fork_server import fork_server
from infraray.emulators.inside.frames import Frames
from infraray.emulators.network import CommandResult, Topology
from infraray.emulators.requirements import problem
from infraray.errors import InfrarayError, InvalidAction, did_you_mean
from infraray.isolation import Limits, memory_group

BUILD_S = 60.0
"""Time that building may take, for the largest topology on a very busy computer."""

ANSWER_S = 30.0
"""Time that an answer may take in addition to building and commands."""

APPLY_S = 20.0
"""Time that each of our own commands may take."""

FLOWMESH_S = 300.0
"""Additional time for measuring the flows of the largest network on a very busy computer."""

END_S = 10.0


class NamespaceNetwork:
    """A network that is live when the constructor returns, and fully connected once it is configured.

    See `infraray.emulators.network.Network`.

    As a context manager it closes itself. A network that hangs, or whose child is killed, is lost: every method then
    raises an `InfrarayError` that says so; make another one.

    Args:
        topology: its plan.
        limits: the limits of each command.
        configured: whether to configure it at once. Otherwise only machines and cables are made, and `configure` must
            be called before anything else.

    Raises:
        InfrarayError: this machine cannot emulate networks (see `infraray.emulators.problem`), or it took too long.
    """

    def __init__(self, topology: Topology, limits: Limits | None = None, configured: bool = True) -> None:
        self.topology = topology
        self.limits = limits or Limits()
        self._lost = ""
        ours, theirs = socket.socketpair()
        self._frames = Frames(ours)
        self._end = weakref.finalize(self, _end, ours, -1)
        try:
            with theirs:
                fork_server.fork(theirs)
            ours.settimeout(BUILD_S)
            first, files, _, _ = socket.recv_fds(ours, 1, 1)
            if not files:
                self._frames.received = first
                raise InfrarayError(self._frames.receive(time.monotonic() + END_S)["error"])
            self._process = files[0]
            self._end.detach()
            self._end = weakref.finalize(self, _end, ours, self._process)
            self._ask(_build(topology), BUILD_S)
            if configured:
                self.configure(topology)
        except (InfrarayError, OSError, EOFError) as error:
            self.close()
            reason = problem() or str(error) or "its process has ended"
            raise InfrarayError(f"the network was not built: {reason}") from None

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
        comes back. False is certain; see `infraray.emulators.inside.pingmesh`.

        Raises:
            InfrarayError: the computer is too busy to tell, or the network is lost.
        """
        return _table(self._ask({"do": "pingmesh"}))

    def flowmesh(self) -> NDArray[np.bool_]:
        """Which ordered pairs carry all traffic; see `infraray.emulators.inside.flowmesh`.

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
        request = {"do": "run", "machine": machine, "command": command, "limits": asdict(self.limits)}
        # Made here, since the network's user may make none.
        group = memory_group.make(self.limits.memory_bytes)
        try:
            files = () if group is None else group.files
            return CommandResult(**self._ask(request, self.limits.wall_s + END_S, files))
        finally:
            if group is not None:
                group.close()

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
        """Each machine's configuration as read by `infraray.emulators.inside.configuration`.

        Raises:
            InfrarayError: the network is lost.
        """
        found: dict[str, dict[str, Any]] = self._ask({"do": "snapshot"})
        return found

    def close(self) -> None:
        """Ends the network; none of its processes is left when this returns. May be called twice."""
        self._lost = self._lost or "it was closed"
        self._end()

    @property
    def alive(self) -> bool:
        """Whether it is still running."""
        return self._end.alive and not select.select([self._process], [], [], 0)[0]

    @property
    def pid(self) -> int:
        """The host's id of the first process in its namespaces; -1 if that has ended."""
        if not self.alive:
            return -1
        lines = Path(f"/proc/self/fdinfo/{self._process}").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("Pid:"))

    def __enter__(self) -> NamespaceNetwork:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _unknown(self, machine: str) -> str:
        return f"machine={machine!r}: there is none of that name; {did_you_mean(machine, self.topology.machines)}"

    def _ask(self, request: Mapping[str, Any], beside_s: float = 0.0, files: Sequence[int] = ()) -> Any:
        """The answer to a request, which may take so long beside `ANSWER_S` and comes with open files."""
        if self._lost:
            raise InfrarayError(f"the network is lost: {self._lost}; make another one")
        seconds = ANSWER_S + beside_s
        deadline = time.monotonic() + seconds
        try:
            self._frames.send(request, deadline, files)
            answer = self._frames.receive(deadline)
        except TimeoutError:
            raise self._lose(f"it hangs, no answer in {seconds:g} s") from None
        except (EOFError, OSError):
            raise self._lose("its process has ended") from None
        except ValueError as error:
            raise self._lose(f"its answer is not one: {error}") from None
        except BaseException:
            self._lose("a request was interrupted")  # the next request must not get this answer
            raise
        if "error" in answer:
            raise (InvalidAction if answer.get("invalid") else InfrarayError)(answer["error"])
        return answer["result"]

    def _lose(self, why: str) -> InfrarayError:
        self._lost = self._lost or why
        self._end()
        return InfrarayError(f"the network is lost: {self._lost}; make another one")


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


def _end(stream: socket.socket, process: int) -> None:
    """Kills a network's first process and waits until the kernel has ended all others in its namespaces."""
    stream.close()
    if process >= 0:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, signal.SIGKILL)
        select.select([process], [], [], END_S)
        os.close(process)
