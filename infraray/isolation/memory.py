"""The memory a sandbox uses: its processes' and the kernel's on their behalf.

A memory cgroup reports it, if there is one. Otherwise each source is counted, or bounded by the filter (see
`infraray.isolation.seccomp`) so that counting objects suffices. Estimates are cheap and err on the high side; only
when they exceed the limit is memory examined in detail.
"""

from __future__ import annotations

import os
import re
import stat
import time
from collections.abc import Sequence
from contextlib import suppress

from infraray.isolation.memory_group import MemoryGroup
from infraray.isolation.proc import GONE, Proc, ThreadGroup

SHARED_BYTES = 2 * 2**30
"""Bytes by which shared pages may be overcounted. Only a walk over all pages of all processes can tell, and this limit
keeps it below some 0.1 s."""

INODE_BYTES = 1024
"""Approximate size of an empty file in a tmpfs."""

SOCKET_BYTES = 2 * 212_992
TCP_BYTES = 4 * 2**20
"""Default limit of one socket's buffers (net.core.wmem_max doubled; net.ipv4.tcp_wmem), which no process's size
includes."""

PIPE_BYTES = 2**16
"""The capacity of a pipe; the filter forbids enlarging it."""

LOCK_BYTES = 256
"""Approximate kernel memory for a lock on part of a file."""

LOCKS_S = 1.0
"""Interval between counts of locks: reading them waits for all processors, and blocks anyone taking one."""

MAPPING_BYTES = 320
"""Approximate kernel memory per mapping of a process: the area, its tree nodes, its page's origin."""

READ_BYTES = 2**18
"""Bytes of /proc read per look for mappings (of at least one process) and for locks."""

_OWN_KIB = re.compile(rb"^(?:Pss_Anon|Pss_Shmem|SwapPss):\s+(\d+)", re.MULTILINE)
_SOCKETS = re.compile(rb"^sockets: used (\d+)", re.MULTILINE)
_TCP = re.compile(rb"^TCP6?: inuse (\d+)", re.MULTILINE)


class Memory:
    """Tells whether a sandbox uses more memory than its limit.

    Args:
        proc: its /proc.
        writable: descriptors of its tmpfs.
        limit_bytes: the limit.
        group: its cgroup, if there is one.
    """

    def __init__(self, proc: Proc, writable: Sequence[int], limit_bytes: int, group: MemoryGroup | None) -> None:
        self._group = group
        self._proc = proc
        self._writable = writable
        self._limit_bytes = limit_bytes
        self._mappings: dict[str, int] = {}
        self._locks = 0
        self._locks_counted = time.monotonic()

    def exceeded(self, groups: Sequence[ThreadGroup]) -> bool:
        """Whether these processes and the kernel's memory for them exceed the limit."""
        if self._group is not None:
            # Not every version and kernel counts these.
            kept = self._socket_bytes() + self._lock_bytes()
            return self._group.killed() or self._group.used_bytes() + kept > self._limit_bytes
        pages = sum(group.memory_bytes for group in groups)
        kept = self._tmpfs_bytes() + self._socket_bytes() + self._lock_bytes() + self._mapping_bytes(groups)
        kept += sum(group.page_table_bytes for group in groups)
        room = self._limit_bytes - kept
        if pages + sum(group.open_files for group in groups) * PIPE_BYTES <= room:
            return False  # the usual case, even if no pages were shared and all open files were pipes
        room -= self._pipe_bytes(groups)
        if pages <= room or pages > room + SHARED_BYTES:
            return pages > room
        return self._own_bytes(groups, room) > room

    def _tmpfs_bytes(self) -> int:
        kept = 0
        for descriptor in self._writable:
            usage = os.fstatvfs(descriptor)
            kept += (usage.f_blocks - usage.f_bfree) * usage.f_frsize + (usage.f_files - usage.f_ffree) * INODE_BYTES
        return kept

    def _socket_bytes(self) -> int:
        kept = 0
        for name in ("sockstat", "sockstat6"):
            with suppress(FileNotFoundError):  # a kernel without IPv6
                sockets = self._proc.read(f"1/net/{name}")
                kept += sum(map(int, _SOCKETS.findall(sockets))) * SOCKET_BYTES
                kept += sum(map(int, _TCP.findall(sockets))) * TCP_BYTES
        return kept

    def _lock_bytes(self) -> int:
        """Locks on files, of which every byte can have one; above the limit if there are too many to read."""
        if time.monotonic() > self._locks_counted + LOCKS_S:
            locks = self._proc.read("locks", READ_BYTES)
            self._locks = locks.count(b"\n") * LOCK_BYTES if len(locks) < READ_BYTES else self._limit_bytes + 1
            self._locks_counted = time.monotonic()
        return self._locks

    def _mapping_bytes(self, groups: Sequence[ThreadGroup]) -> int:
        """Kernel memory for the processes' mappings; a fork has all of its parent's.

        Reading many mappings takes long. Each look therefore reads those of some processes, starting with new ones,
        and takes the others' from before, or assumes the largest.
        """
        known = {group.path: self._mappings[group.path] for group in groups if group.path in self._mappings}
        left = READ_BYTES
        for path in [*(group.path for group in groups if group.path not in known), *known]:
            with suppress(PermissionError, *GONE):
                text = self._proc.read(f"{path}/maps", 2**30)
                known.pop(path, None)  # move to the end: the next look begins with another
                known[path] = text.count(b"\n")
                left -= len(text)
            if left < 0:
                break
        self._mappings = known
        unknown = len(groups) - len(known)
        return MAPPING_BYTES * (sum(known.values()) + unknown * max(known.values(), default=0))

    def _pipe_bytes(self, groups: Sequence[ThreadGroup]) -> int:
        """Pipes, named ones included, each counted once however many processes have it open."""
        pipes = set()
        hidden = 0
        for group in groups:
            try:
                for name in self._proc.list(f"{group.path}/fd"):
                    with suppress(*GONE):
                        found = os.stat(f"{group.path}/fd/{name}", dir_fd=self._proc.descriptor)
                        if stat.S_ISFIFO(found.st_mode):
                            pipes.add((found.st_dev, found.st_ino))
            except GONE:
                pass
            except PermissionError:  # a process can hide its files (PR_SET_DUMPABLE)
                hidden += group.open_files
            if (len(pipes) + hidden) * PIPE_BYTES > self._limit_bytes:
                break
        return (len(pipes) + hidden) * PIPE_BYTES

    def _own_bytes(self, groups: Sequence[ThreadGroup], room: int) -> int:
        """All pages, shared ones counted once; stops counting at ``room``."""
        total = 0
        for group in groups:
            with suppress(*GONE):
                total += 1024 * sum(map(int, _OWN_KIB.findall(self._proc.read(f"{group.path}/smaps_rollup"))))
            if total > room:
                break
        return total
