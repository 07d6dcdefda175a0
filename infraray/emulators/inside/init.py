"""A network's first process: enters the namespaces, builds the network and answers its parent's requests.

When it ends, for any reason, the kernel ends all processes in its pid namespace, and with them its interfaces, mounts
and namespaces.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from infraray.errors import InfrarayError, InvalidAction

from . import namespaces
from .configuration import ConfigurationReader
from .configuration.sysctls import Sysctls
from .flowmesh import Flowmesh, in_order
from .frames import Frames
from .machine_owner import MachineOwner
from .measuring_places import MeasuringPlaces
from .mininet_network import EmulatedNetwork
from .namespaces import NetworkNamespace
from .pingmesh import Overloaded, Pingmesh
from .storms import Storms

NAMESPACES = (
    namespaces.CLONE_NEWUSER
    | namespaces.CLONE_NEWNS
    | namespaces.CLONE_NEWPID
    | namespaces.CLONE_NEWNET
    | namespaces.CLONE_NEWIPC
    | namespaces.CLONE_NEWUTS
    | namespaces.CLONE_NEWCGROUP
)

NOBODY = 65534

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

IDLE_S = 1.0
"""Interval at which an idle network is checked."""

WHOLE_S = 5.0
"""A network that is not fully connected this long after it was configured is given up."""


def start(stream: socket.socket, parent: int) -> None:
    """Makes the namespaces and their first process; returns when that has ended.

    Args:
        stream: the socket to whoever asked for the network.
        parent: the calling process's parent, with which it ends.

    Raises:
        OSError: the kernel forbids it.
    """
    places = MeasuringPlaces()
    _become_ordinary()
    user, group = os.geteuid(), os.getegid()
    namespaces.unshare(NAMESPACES)
    namespaces.map_to_root(user, group)
    _end_with_parent()
    if os.getppid() != parent:
        return
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:
        ours.close()
        try:
            _end_with_parent()
            theirs.send(b".")
            if theirs.recv(1):  # the parent was alive after the line above
                theirs.close()
                _Server(stream, places).serve()
        finally:
            os._exit(0)
    theirs.close()
    places.close()
    ours.recv(1)
    with suppress(OSError):  # the client may be gone
        socket.send_fds(stream, [b"\n"], [os.pidfd_open(child)])
    stream.close()
    ours.send(b".")
    os.waitpid(child, 0)


def _become_ordinary() -> None:
    """Turns root into nobody, since even in its own namespaces it would be the computer's root to files and limits.

    Everything needed is imported by now; an interpreter in root's home is no longer readable.
    """
    if os.geteuid() == 0:
        with suppress(OSError):  # a container's only user is root; then nothing can run isolated, and the error says so
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
        namespaces.prctl(namespaces.PR_SET_DUMPABLE, 1)  # or /proc/self would be root's


def _end_with_parent() -> None:
    namespaces.prctl(namespaces.PR_SET_PDEATHSIG, signal.SIGKILL)


class _Server:
    """The first process.

    Args:
        stream: the source of requests; the process ends when it is closed.
        places: the measuring places.
    """

    def __init__(self, stream: socket.socket, places: MeasuringPlaces) -> None:
        self.places = places
        self.storms: Storms | None = None  # until an agent's command has run
        self.frames = Frames(stream)
        self.answers: dict[str, Callable[..., Any]] = {
            "build": self.build,
            "configure": self.configure,
            "pingmesh": self.pingmesh,
            "flowmesh": self.flowmesh,
            "apply": self.apply,
            "run": self.run,
            "snapshot": self.snapshot,
        }

    def serve(self) -> None:
        """Answers requests, one after another."""
        try:
            self._enter()
            while True:
                request = self._next_request()
                try:
                    answer = {"result": self.answers[request.pop("do")](**request)}
                except (InfrarayError, OSError, Overloaded) as error:
                    answer = {"error": str(error), "invalid": isinstance(error, InvalidAction)}
                except Exception as error:  # an agent can do anything to a network
                    answer = {"error": f"{type(error).__name__}: {error}"}
                self.frames.send(answer)
                _reap()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            pass
        except BaseException as error:
            self.frames.send({"error": f"{type(error).__name__}: {error}"})

    def _next_request(self) -> dict[str, Any]:
        """Waits for the next request; meanwhile ends storms, which may be caused by a measurement's broadcast."""
        while True:
            try:
                return self.frames.receive(time.monotonic() + IDLE_S)
            except TimeoutError:
                if self.storms is not None:
                    self.storms.end()

    def _enter(self) -> None:
        """Makes the mounts that the namespaces need."""
        namespaces.prctl(namespaces.PR_SET_NO_NEW_PRIVS, 1)
        safe = namespaces.MS_NOSUID | namespaces.MS_NODEV | namespaces.MS_NOEXEC
        namespaces.mount("none", "/", "", namespaces.MS_REC | namespaces.MS_PRIVATE)
        namespaces.mount("proc", "/proc", "proc", safe)
        namespaces.mount("tmpfs", "/run", "tmpfs", safe, "size=4m")  # iptables' lock
        os.environ.clear()
        os.environ.update(PATH=PATH, LC_ALL="C")
        os.chdir("/")

    def build(self, plan: dict[str, Any]) -> None:
        """Builds the network's machines, switches and cables."""
        self.home = NetworkNamespace.current()
        self.owner = MachineOwner(list(plan["machines"]))
        self.network = EmulatedNetwork(plan, self.home, self.owner.namespaces)
        sysctls = Sysctls()
        self.readers = {
            name: ConfigurationReader(machine, self.home, sysctls) for name, machine in self.network.machines.items()
        }

    def configure(
        self, settings: dict[str, Any], targets: dict[str, dict[str, str]], mtus: dict[str, dict[str, int]]
    ) -> None:
        """Assigns addresses and names, and returns once every machine reaches every other one."""
        self.network.configure(settings)
        self.mesh = Pingmesh(self.network, targets, self.places)
        self.flows = Flowmesh(self.mesh, self.network, in_order(self.mesh.machines, mtus))
        until = time.monotonic() + WHOLE_S
        while not all(map(all, self.mesh.measure())):
            if time.monotonic() > until:
                raise OSError(f"the network is not whole {WHOLE_S:g} s after it was configured")

    def pingmesh(self) -> list[str]:
        """The pingmesh, as a string of 0 and 1 for each source."""
        return _rows(self.mesh.measure())

    def flowmesh(self) -> list[str]:
        """The flowmesh in the same form."""
        return _rows(self.flows.measure())

    def apply(self, machine: str, commands: list[str], seconds: float) -> None:
        """Runs our own, trusted commands.

        Raises:
            OSError: one fails, or takes too long.
        """
        self.readers[machine].touch()
        for command in commands:
            with self.network.machines[machine].namespace.entered(self.home):
                process = subprocess.Popen(
                    ["/bin/sh", "-c", command],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                )
            with process:
                try:
                    output, _ = process.communicate(timeout=seconds)
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise OSError(f"{machine}: {command}: not done after {seconds:g} s") from None
            if process.returncode != 0:
                raise OSError(f"{machine}: {command}: exit status {process.returncode}: {' '.join(output.split())}")

    def run(self, machine: str, command: str, limits: dict[str, Any]) -> dict[str, Any]:
        """Runs an untrusted command."""
        group = self.frames.take_files()
        try:
            return self._run(machine, command, limits, group)
        finally:
            for file in group:
                os.close(file)

    def _run(self, machine: str, command: str, limits: dict[str, Any], group: list[int]) -> dict[str, Any]:
        self.readers[machine].touch()
        if self.storms is None:
            self.storms = Storms(self.network.machines)
        result = self.owner.run(machine, command, limits, group)
        if self.storms.end() and result["ended"] is None:
            result |= {"exit_code": None, "ended": "storm"}
        return result

    def snapshot(self) -> dict[str, Any]:
        """The configuration of each machine."""
        return {name: reader.read() for name, reader in self.readers.items()}


def _rows(table: list[list[bool]]) -> list[str]:
    return ["".join("01"[reached] for reached in row) for row in table]


def _reap() -> None:
    """Reaps orphans, which the first process inherits."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
