"""Temporary folders that do not outlive their owner for long, however it ends.

A process keeps all its temporary files in one folder of the system's temporary directory, whose name says whose it
is: ``infraray-PID-START-WHERE``, with the process id, the time the process started (clock ticks since boot), and a
digest of the boot and the process-id namespace in which these two are meaningful. Names are short because an engine's
sockets lie inside and a socket's path has at most 107 bytes. A process that makes its first folder removes those of
owners that have ended, by kill -9 for instance; an engine's supervisor does so at once
(`infraray.engines.supervisor`).
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

_NAME = re.compile(r"infraray-(\d+)-(\d+)-([0-9a-f]{4})")


def make_scratch() -> Path:
    """Makes an empty folder; `remove_scratch` removes it."""
    while True:
        owned = _owned()
        if not owned.exists():
            sweep()
        # Another thread may have removed the last one, and with it the owner's folder, even during this mkdir.
        with suppress(FileNotFoundError, FileExistsError):
            owned.mkdir(mode=0o700, exist_ok=True)
            return Path(tempfile.mkdtemp(prefix="", dir=owned))


def remove_scratch(folder: Path) -> None:
    """Removes a folder and its content, and this process's own folder with the last one. May be called twice."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        folder.parent.rmdir()


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Makes an empty folder, and removes it with its content at the end."""
    folder = make_scratch()
    try:
        yield folder
    finally:
        remove_scratch(folder)


def sweep() -> None:
    """Removes the folders of owners that have ended."""
    for folder in Path(tempfile.gettempdir()).glob("infraray-*"):
        if has_ended(folder.name):
            shutil.rmtree(folder, ignore_errors=True)


def owner() -> str:
    """The name that marks something as this process's."""
    return f"infraray-{os.getpid()}-{started_at(os.getpid())}-{_where()}"


def has_ended(name: str) -> bool:
    """Whether a name is that of an owner that has ended, as far as this process can know."""
    named = _NAME.fullmatch(name)
    return named is not None and named[3] == _where() and started_at(int(named[1])) != int(named[2])


def started_at(pid: int) -> int | None:
    """The time a process started, in clock ticks since boot; None if it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The name, in parentheses, may hold anything; the state follows it, and the start 19 fields later.
    fields = stat.rpartition(b")")[2].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def _owned() -> Path:
    return Path(tempfile.gettempdir()) / owner()


@cache
def _where() -> str:
    """The scope in which process ids and times are comparable: containers may share the temporary directory."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    namespace = os.stat("/proc/self/ns/pid").st_ino
    return hashlib.sha256(f"{boot} {namespace}".encode()).hexdigest()[:4]
