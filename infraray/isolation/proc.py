"""A sandbox's own /proc, read from outside: it shows exactly its processes, however they were started.

It is reached through the root of the sandbox's first process and opened once; nothing in the sandbox can replace it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

GONE = (FileNotFoundError, ProcessLookupError)
"""Errors raised when reading about a process that has ended."""

CHUNK_BYTES = 65_536

_MEMORY_KIB = re.compile(rb"^(?:RssAnon|RssShmem|VmSwap):\s+(\d+)", re.MULTILINE)
_TABLES_KIB = re.compile(rb"^VmPTE:\s+(\d+)", re.MULTILINE)
_FILES = re.compile(rb"^FDSize:\s+(\d+)", re.MULTILINE)
_THREADS = re.compile(rb"^Threads:\s+(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class ThreadGroup:
    """A process as seen through one of its live threads.

    Args:
        path: below /proc, of a thread that shares the process's memory and files.
        threads: the number of its threads.
        memory_bytes: resident and swapped pages not backed by a file on disk; shared ones count in full.
        page_table_bytes: the page tables that map them.
        open_files: an upper bound: the size of its descriptor table.
    """

    path: str
    threads: int
    memory_bytes: int
    page_table_bytes: int
    open_files: int


class Proc:
    """The folder.

    Args:
        descriptor: of the folder, open as long as this is used.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def pids(self) -> list[str]:
        """The processes' ids, including zombies."""
        return [name for name in os.listdir(self.descriptor) if name.isdigit()]

    def cpu_ticks(self, pid: str) -> int:
        """Processor time of a process and of the children it has waited for."""
        # After the name in parentheses, which may hold anything, state is field 3, utime to cstime are 14 to 17.
        return sum(map(int, self.read(f"{pid}/stat").rpartition(b")")[2].split()[11:15]))

    def thread_group(self, pid: str) -> ThreadGroup:
        """What a process uses. Its first thread may have ended, and then shows nothing, while others go on."""
        path, status = pid, self.read(f"{pid}/status")
        threads = sum(map(int, _THREADS.findall(status)))
        if threads > 1 and not _MEMORY_KIB.search(status):
            living = (thread for thread in self._threads(pid) if _MEMORY_KIB.search(thread[1]))
            path, status = next(living, (path, status))
        memory, tables, files = (sum(map(int, kind.findall(status))) for kind in (_MEMORY_KIB, _TABLES_KIB, _FILES))
        return ThreadGroup(path, threads, 1024 * memory, 1024 * tables, files)

    def read(self, path: str, most: int = 0) -> bytes:
        """The first part of a file; with ``most``, all of it up to about that many bytes."""
        descriptor = os.open(path, os.O_RDONLY, dir_fd=self.descriptor)
        try:
            chunks = [os.read(descriptor, CHUNK_BYTES)]
            length = len(chunks[0])
            while chunks[-1] and length < most:
                chunks.append(os.read(descriptor, CHUNK_BYTES))
                length += len(chunks[-1])
            return b"".join(chunks)
        finally:
            os.close(descriptor)

    def list(self, path: str) -> list[str]:
        """The names in a folder."""
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY, dir_fd=self.descriptor)
        try:
            return os.listdir(descriptor)
        finally:
            os.close(descriptor)

    def _threads(self, pid: str) -> Iterator[tuple[str, bytes]]:
        for thread in self.list(f"{pid}/task"):
            with suppress(*GONE):
                path = f"{pid}/task/{thread}"
                yield path, self.read(f"{path}/status")
