"""The owner of the machines: a process in a user namespace below the network's own.

The kernel grants rights over a network namespace in the user namespace that owns it, and in those above. What agents
run has rights over all machines' namespaces, and can name others by number (``IFLA_TARGET_NETNSID`` in rtnetlink(7):
the other end of a cable has one). Therefore the switches belong not to the machines' owner but to the first process,
one level up.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from infraray.emulators.inside.frames import Frames
from infraray.emulators.inside.namespaces import CLONE_NEWUSER, NetworkNamespace, map_to_root, unshare
from infraray.errors import InfrarayError, InvalidAction
from infraray.isolation import Limits, Sandbox
from infraray.isolation.memory_group import MemoryGroup, received


class MachineOwner:
    """Makes the machines' namespaces and runs untrusted commands in them. It ends with the first process.

    Args:
        machines: their names.

    Raises:
        OSError: the kernel forbids it.
    """

    def __init__(self, machines: list[str]) -> None:
        ours, theirs = socket.socketpair()
        if os.fork() == 0:
            try:
                ours.close()
                _Owner(theirs, machines).serve()
            finally:
                os._exit(0)
        theirs.close()
        self._frames = Frames(ours)
        self.namespaces: dict[str, NetworkNamespace] = {}
        for machine in machines:
            first, files, _, _ = socket.recv_fds(ours, 1, 1)
            if not files:
                self._frames.received = first
                raise OSError(self._frames.receive()["error"])
            self.namespaces[machine] = NetworkNamespace(files[0])

    def run(self, machine: str, command: str, limits: dict[str, Any], group: Sequence[int]) -> dict[str, Any]:
        """Runs an agent's command on a machine; see `Sandbox.run`.

        Args:
            machine: its name.
            command: what to run.
            limits: the fields of `Limits`.
            group: the files of the command's `MemoryGroup`; none where it has none.

        Raises:
            InvalidAction: the text cannot be a command.
            InfrarayError: it cannot be isolated here.
            EOFError: the owner has ended.
        """
        self._frames.send({"machine": machine, "command": command, "limits": limits}, files=group)
        answer = self._frames.receive()
        if "error" in answer:
            raise (InvalidAction if answer["invalid"] else InfrarayError)(answer["error"])
        found: dict[str, Any] = answer["result"]
        return found


class _Owner:
    """The owner's process.

    Args:
        stream: the socket to the first process.
        machines: their names.
    """

    def __init__(self, stream: socket.socket, machines: list[str]) -> None:
        self._stream = stream
        self._frames = Frames(stream)
        self._machines = machines
        self._namespaces: dict[str, NetworkNamespace] = {}

    def serve(self) -> None:
        """Makes the namespaces and runs commands one by one until the first process ends."""
        try:
            unshare(CLONE_NEWUSER)
            map_to_root(0, 0)
            for machine in self._machines:
                self._namespaces[machine] = NetworkNamespace.new()
                socket.send_fds(self._stream, [b"\n"], [self._namespaces[machine].file])
        except OSError as error:
            self._frames.send({"error": str(error)})
        while True:
            request = self._frames.receive()
            with received(self._frames.take_files()) as group:
                self._frames.send(self._run(group=group, **request))

    def _run(self, machine: str, command: str, limits: dict[str, Any], group: MemoryGroup | None) -> dict[str, Any]:
        self._namespaces[machine].enter()
        try:
            return {"result": asdict(Sandbox(Limits(**limits), "inherit", group).run(command))}
        except InfrarayError as error:
            return {"error": str(error), "invalid": isinstance(error, InvalidAction)}
