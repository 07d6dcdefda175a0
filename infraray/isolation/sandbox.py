"""Runs a command or Python program written by an LLM in a sandbox of its own."""

from __future__ import annotations

import os
from typing import get_args

from infraray.errors import InfrarayError, InvalidAction
from infraray.isolation.bubblewrap import PROGRAM, Network
from infraray.isolation.limits import Limits
from infraray.isolation.memory_group import MemoryGroup
from infraray.isolation.running import Equipment, Finished, Running

PROGRAM_BYTES = 2**18
"""More than a model writes at once."""

PYTHON = ("/usr/bin/python3", "/usr/local/bin/python3")


class Sandbox:
    """Runs untrusted commands and Python programs. Thread-safe.

    Each run has its own user, mount, pid, ipc, uts and cgroup namespace, a read-only system, a private /tmp, an empty
    environment, a seccomp filter and no capability. It ends with the command: background processes are killed, and so
    is everything if this process dies.

    Args:
        limits: what each run may use.
        network: ``none``; ``reach`` for the calling thread's network as an ordinary user; or ``inherit`` for rights
            over it too. For both it must belong to the user namespace of this process and not to the machine. With
            rights, a run shares that user namespace, since they do not extend to nested ones, and keeps CAP_NET_ADMIN
            and CAP_NET_RAW.
        group: a memory cgroup that another process has made for the next run, where this one can make none.
        equipment: what each run finds beside the system.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        network: Network = "none",
        group: MemoryGroup | None = None,
        equipment: Equipment | None = None,
    ) -> None:
        if network not in get_args(Network):
            raise InfrarayError(f"network={network!r}: give one of {', '.join(map(repr, get_args(Network)))}")
        self._equipment = equipment
        self.limits = limits or Limits()
        self.network: Network = network
        self._group = group

    def run(self, command: str) -> Finished:
        """Runs one or several lines of commands with /bin/sh.

        Raises:
            InvalidAction: the text is too long or cannot be a program.
            InfrarayError: this machine cannot isolate it; nothing was run.
        """
        return self._run(f". {PROGRAM}", command)

    def run_python(self, program: str) -> Finished:
        """Runs a Python program with the system's Python and its standard library.

        Raises:
            InvalidAction: the text is too long or cannot be a program.
            InfrarayError: this machine cannot isolate it or has no Python below /usr; nothing was run.
        """
        python = next((path for path in PYTHON if os.access(path, os.X_OK)), None)
        if python is None:
            raise InfrarayError("isolation: the system has no Python of its own; run once: apt-get install python3")
        return self._run(f"exec {python} -I -B -u {PROGRAM}", program)

    def _run(self, script: str, text: str) -> Finished:
        try:
            program = text.encode()
        except UnicodeEncodeError as error:
            raise InvalidAction(f"the command is not text: {error.reason} at position {error.start}") from None
        if len(program) > PROGRAM_BYTES:
            raise InvalidAction(f"the command has {len(program)} bytes; at most {PROGRAM_BYTES} are allowed")
        if b"\0" in program:
            raise InvalidAction("the command holds a NUL character")
        running = Running(self.limits, self.network, group=self._group, equipment=self._equipment)
        try:
            running.start(script, program)
            running.watch()
        finally:
            running.end()
        return running.finished()


def problem(network: Network = "none") -> str | None:
    """Why this process cannot isolate commands and what to do about it, in one line; None if it can.

    Args:
        network: as for `Sandbox`.
    """
    try:
        finished = Sandbox(network=network).run("sleep 0.05")  # long enough to be measured
    except InfrarayError as error:
        return str(error)
    return None if finished.exit_code == 0 else f"isolation: a command did not succeed: {finished}"
