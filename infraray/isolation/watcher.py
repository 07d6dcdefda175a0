"""Watches, from outside, which limit the processes of a sandbox have jointly reached."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack, suppress

from infraray.errors import InfrarayError
from infraray.isolation.bubblewrap import WRITABLE
from infraray.isolation.limits import Limits
from infraray.isolation.memory import Memory
from infraray.isolation.memory_group import MemoryGroup
from infraray.isolation.proc import GONE, Proc

INTERVAL_S = 0.02
"""How often it looks at a single command."""

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")

NEIGHBOURS = 256
"""All networks of a machine share a table of neighbours' addresses (net.ipv4.neigh.default.gc_thresh3, 1024 entries):
one network may have as many as a subnet of 254 hosts needs."""


class Watcher:
    """Tells which limit a sandbox has exceeded. Close it when the sandbox has ended.

    Args:
        init: the sandbox's first process, in the caller's pid namespace.
        limits: what to compare with.
        group: the sandbox's memory cgroup, if it has one.
        interval_s: seconds between looks.
    """

    def __init__(
        self, init: int, limits: Limits, group: MemoryGroup | None = None, interval_s: float = INTERVAL_S
    ) -> None:
        self._group = group
        self._interval_s = interval_s
        self._init = init
        self._limits = limits
        self._open = ExitStack()
        self._proc: Proc | None = None
        self._cpu_s = 0.0
        self._cpu_lost_s = 0.0
        self.due = time.monotonic() + interval_s
        """When to look again, by `time.monotonic`: looking takes at most half of one processor."""

    def exceeded(self) -> str | None:
        """``cpu``, ``memory`` or ``processes``; None if none is exceeded, also before the start and after the end.

        Raises:
            InfrarayError: this process may not inspect the sandbox.
        """
        began = time.monotonic()
        try:
            return self._look()
        finally:
            ended = time.monotonic()
            self.due = ended + max(self._interval_s, ended - began)

    def _look(self) -> str | None:
        try:
            return self._measure(self._proc) if self._inside() and self._proc is not None else None
        except GONE:
            return None  # it has just ended
        except PermissionError as error:
            raise InfrarayError(f"isolation: what a sandbox uses cannot be measured here ({error})") from None

    def close(self) -> None:
        """Closes the sandbox's files."""
        self._open.close()

    def _inside(self) -> bool:
        """Whether the sandbox's /proc and tmpfs are open, which is possible once it has been built."""
        if self._proc is None:
            root = f"/proc/{self._init}/root"
            # Until bubblewrap has changed its root, this is the caller's own.
            if os.stat(f"{root}/proc").st_dev == os.stat("/proc").st_dev:
                return False
            writable = [self._descriptor(root + folder) for folder in WRITABLE]
            self._terminals = self._descriptor(f"{root}/dev/pts")
            self._proc = Proc(self._descriptor(f"{root}/proc"))
            self._memory = Memory(self._proc, writable, self._limits.memory_bytes, self._group)
        return True

    def _descriptor(self, path: str) -> int:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self._open.callback(os.close, descriptor)
        return descriptor

    def _measure(self, proc: Proc) -> str | None:
        limits = self._limits
        pids = proc.pids()
        threads = -1  # the first process, which is ours
        # At once: inspecting each would take longer than making more of them. Terminals belong to the machine, 3072
        # for all sandboxes together.
        if max(threads + len(pids), len(os.listdir(self._terminals)) - 1) >= limits.processes:
            return "processes"
        cpu_ticks = 0
        groups = []
        for pid in pids:
            with suppress(*GONE):
                cpu_ticks += proc.cpu_ticks(pid)
                groups.append(proc.thread_group(pid))
        if threads + sum(group.threads for group in groups) >= limits.processes:
            return "processes"
        if self._spent_s(cpu_ticks / CLOCK_TICKS) > limits.cpu_s:
            return "cpu"
        if self._memory.exceeded(groups) or self._neighbours(proc) > NEIGHBOURS:
            return "memory"
        return None

    def _spent_s(self, visible_s: float) -> float:
        """Processor time so far. That of ended children moves to the process that waits for them, or is lost."""
        self._cpu_lost_s += max(0.0, self._cpu_s - visible_s)
        self._cpu_s = visible_s
        return visible_s + self._cpu_lost_s

    def _neighbours(self, proc: Proc) -> int:
        """The number of addresses in the network's neighbour tables."""
        return proc.read("1/net/arp", 2**16).count(b"\n") - 1
