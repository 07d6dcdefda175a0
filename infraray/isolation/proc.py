"""A sandbox's own /proc, read from outside: exactly its processes, however they were started.

It is reached through the root of the sandbox's first process and opened once; nothing in the sandbox can exchange it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

GONE = (FileNotFoundError, ProcessLookupError)
"""What reading raises of a process that has ended."""

CHUNK_BYTES = 65_536

_MEMORY_KIB = re.compile(rb"^(?:RssAnon|RssShmem|VmSwap):\s+(\d+)", re.MULTILINE)
_TABLES_KIB = re.compile(rb"^VmPTE:\s+(\d+)", re.MULTILINE)
_FILES = re.compile(rb"^FDSize:\s+(\d+)", re.MULTILINE)
_THREADS = re.compile(rb"^Threads:\s+(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class ThreadGroup:
    """A process as one of its living threads shows it.

    Args:
        path: below /proc, of a thread that has the process's memory and files.
        threads: how many it has.
        memory_bytes: resident and swapped pages that are no file's on a disk; shared ones count in full.
        page_table_bytes: what maps them.
        open_files: at most as many, as the kernel has room for.
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
        """The processes' numbers, also of zombies."""
        return [name for name in os.listdir(self.descriptor) if name.isdigit()]

    def cpu_ticks(self, pid: str) -> int:
        """Processor time of a process and of the children that it has waited for."""
        # After the name in parentheses, which may hold anything: state is field 3, utime to cstime 14 to 17.
        return sum(map(int, self.read(f"{pid}/stat").rpartition(b")")[2].split()[11:15]))

    def thread_group(self, pid: str) -> ThreadGroup:
        """What a process uses. Its first thread may have ended, and shows nothing any more, while others go on."""
        path, status = pid, self.read(f"{pid}/status")
        threads = sum(map(int, _THREADS.findall(status)))
        if threads > 1 and not _MEMORY_KIB.search(status):
            living = (thread for thread in self._threads(pid) if _MEMORY_KIB.search(thread[1]))
            path, status = next(living, (path, status))
        memory, tables, files = (sum(map(int, kind.findall(status))) for kind in (_MEMORY_KIB, _TABLES_KIB, _FILES))
        return ThreadGroup(path, threads, 1024 * memory, 1024 * tables, files)

    def read(self, path: str, most: int = 0) -> bytes:
        """A file's first part; with ``most`` all of it, up to about so many bytes."""
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
