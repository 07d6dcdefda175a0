"""What the processes of a sandbox use together, measured from outside without a cgroup.

The sandbox's own /proc, reached through the root of its first process, lists exactly its processes, however they were
started and whoever their parent is. It is opened once; nothing in the sandbox can exchange it.
"""

from __future__ import annotations

import os
import re
from contextlib import ExitStack, suppress

from infraray.errors import InfrarayError
from infraray.isolation.bubblewrap import WRITABLE
from infraray.isolation.limits import Limits

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")

INODE_BYTES = 1024
"""About what an empty file of a tmpfs takes."""

SOCKET_BYTES = 2 * 212_992
TCP_BYTES = 4 * 2**20
"""What the kernel by default lets one socket keep in its buffers (net.core.wmem_max doubled; net.ipv4.tcp_wmem), which
no process's size shows."""

_MEMORY = re.compile(rb"^Vm(?:RSS|Swap|PTE):\s+(\d+)", re.MULTILINE)
_THREADS = re.compile(rb"^Threads:\s+(\d+)", re.MULTILINE)
_OWN = re.compile(rb"^(?:Pss|SwapPss):\s+(\d+)", re.MULTILINE)
_RESIDENT = re.compile(rb"^Vm(?:RSS|Swap):\s+(\d+)", re.MULTILINE)
_SOCKETS = re.compile(rb"^sockets: used (\d+)", re.MULTILINE)
_TCP = re.compile(rb"^TCP6?: inuse (\d+)", re.MULTILINE)


class Watcher:
    """Tells which limit a sandbox has exceeded. Close it when the sandbox has ended.

    Args:
        init: the sandbox's first process, in the caller's pid namespace.
        limits: what to compare with.
    """

    def __init__(self, init: int, limits: Limits) -> None:
        self._init = init
        self._limits = limits
        self._open = ExitStack()
        self._proc: int | None = None
        self._writable: list[int] = []
        self._cpu_s = 0.0
        self._cpu_lost_s = 0.0

    def exceeded(self) -> str | None:
        """``cpu``, ``memory`` or ``processes``; None where all is well, before the start and after the end too.

        Raises:
            InfrarayError: this process may not look into the sandbox.
        """
        try:
            return self._measure() if self._inside() else None
        except (FileNotFoundError, ProcessLookupError):
            return None  # it has just ended
        except PermissionError as error:
            raise InfrarayError(f"isolation: what a sandbox uses cannot be measured here ({error})") from None

    def close(self) -> None:
        """Lets go of the sandbox's files."""
        self._open.close()

    def _inside(self) -> bool:
        """Whether the sandbox's /proc and tmpfs are open, which they can be when it has been built."""
        if self._proc is None:
            root = f"/proc/{self._init}/root"
            # Before bubblewrap has changed its root, this is the caller's own.
            if os.stat(f"{root}/proc").st_dev == os.stat("/proc").st_dev:
                return False
            self._writable = [self._descriptor(root + folder) for folder in WRITABLE]
            self._proc = self._descriptor(f"{root}/proc")
        return True

    def _descriptor(self, path: str) -> int:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self._open.callback(os.close, descriptor)
        return descriptor

    def _measure(self) -> str | None:
        limits = self._limits
        assert self._proc is not None
        pids = [name for name in os.listdir(self._proc) if name.isdigit()]
        threads = -1  # bubblewrap's own
        if threads + len(pids) >= limits.processes:
            return "processes"  # at once: to look at each would take longer than to make more of them
        cpu_ticks = resident = 0
        statuses: dict[str, bytes] = {}
        for pid in pids:
            with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
                # After the name in parentheses, which may hold anything: state is field 3, utime to cstime 14 to 17.
                cpu_ticks += sum(map(int, self._read(f"{pid}/stat").rpartition(b")")[2].split()[11:15]))
                status = self._read(f"{pid}/status")
                threads += sum(map(int, _THREADS.findall(status)))
                resident += 1024 * sum(map(int, _MEMORY.findall(status)))
                statuses[pid] = status
        if threads >= limits.processes:
            return "processes"
        if self._spent_s(cpu_ticks / CLOCK_TICKS) > limits.cpu_s:
            return "cpu"
        kept = self._kept_bytes()
        # Resident sizes count what processes share once for each. Only where they say too much is it taken apart.
        if resident + kept > limits.memory_bytes:
            shared = sum(self._counted_too_often(pid, status) for pid, status in statuses.items())
            if resident - shared + kept > limits.memory_bytes:
                return "memory"
        return None

    def _spent_s(self, visible_s: float) -> float:
        """Processor time so far. What ended children used moves to whoever waits for them, and is lost otherwise."""
        self._cpu_lost_s += max(0.0, self._cpu_s - visible_s)
        self._cpu_s = visible_s
        return visible_s + self._cpu_lost_s

    def _kept_bytes(self) -> int:
        """Memory outside of processes: files of the tmpfs, sockets' buffers."""
        kept = 0
        for descriptor in self._writable:
            usage = os.fstatvfs(descriptor)
            kept += (usage.f_blocks - usage.f_bfree) * usage.f_frsize + (usage.f_files - usage.f_ffree) * INODE_BYTES
        for name in ("sockstat", "sockstat6"):
            with suppress(FileNotFoundError):  # the kernel knows no IPv6
                sockets = self._read(f"1/net/{name}")
                kept += sum(map(int, _SOCKETS.findall(sockets))) * SOCKET_BYTES
                kept += sum(map(int, _TCP.findall(sockets))) * TCP_BYTES
        return kept

    def _counted_too_often(self, pid: str, status: bytes) -> int:
        """Bytes of a process's resident size that belong to others with whom it shares them, or are free already."""
        resident = sum(map(int, _RESIDENT.findall(status)))
        try:
            own = sum(map(int, _OWN.findall(self._read(f"{pid}/smaps_rollup"))))
        except (FileNotFoundError, ProcessLookupError):
            own = 0  # it ended meanwhile
        return 1024 * max(0, resident - own)

    def _read(self, path: str) -> bytes:
        descriptor = os.open(path, os.O_RDONLY, dir_fd=self._proc)
        try:
            return os.read(descriptor, 65_536)
        finally:
            os.close(descriptor)
