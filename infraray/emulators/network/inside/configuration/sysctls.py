"""The settings in /proc/sys/net that belong to a network namespace: those that are writable there.

Only differences from a fresh machine are reported. Only a process in the machine's namespace can change them, so they
are read again after each command there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

ROOT = "/proc/sys/net"

OF_INTERFACES = ("ipv4/conf", "ipv6/conf", "ipv4/neigh", "ipv6/neigh")
"""Folders with one folder for each interface, and ``all`` and ``default``."""

WITH_THE_LINK = ("ipv4/conf", "ipv6/conf")
"""The one setting of an interface that `links` does not report with it."""

NOT_WITH_THE_LINK = "stable_secret"

SHORT_BYTES, MAX_BYTES = 256, 1 << 17
"""The kernel allocates as much as requested. Only lists of ports are long, and they come in one piece."""

KEPT_OPEN = 4000
"""Files that a network may keep open to avoid looking them up again; those of six machines."""


class Sysctls:
    """The sysctls of one network's machines before any command."""

    def __init__(self) -> None:
        self._fresh: dict[bool, dict[str, str]] = {}
        self._shared: list[str] = []
        self._open: dict[str, dict[str, int]] = {}

    def note_fresh(self, name: str, forwards: bool) -> None:
        """Reads the sysctls of the caller's namespace, that of an untouched machine.

        Args:
            name: the machine's name.
            forwards: whether it is a router; all routers are alike, and all hosts.
        """
        if forwards not in self._fresh:
            self._fresh[forwards] = self._read(name)

    def changed(self, name: str, forwards: bool) -> dict[str, str]:
        """The differences in the caller's namespace from what `note_fresh` read."""
        fresh = self._fresh[forwards]
        return {path: value for path, value in self._read(name).items() if fresh.get(_of_loopback(path)) != value}

    def _read(self, name: str) -> dict[str, str]:
        self._shared = self._shared or list(_walk(""))
        kept = self._open.setdefault(name, {})
        found = {}
        for path in [*self._shared, *_of_interfaces()]:
            with suppress(OSError):  # unreadable, or gone with its interface
                if path not in kept:
                    kept[path] = os.open(f"{ROOT}/{path}", os.O_RDONLY)
                found[path] = _content(kept[path])
        if sum(map(len, self._open.values())) > KEPT_OPEN:
            for file in self._open.pop(name).values():
                os.close(file)
        return found


def _content(file: int) -> str:
    content = os.pread(file, SHORT_BYTES, 0)
    if len(content) == SHORT_BYTES:
        content = os.pread(file, MAX_BYTES, 0)
    return content.decode(errors="backslashreplace").strip()


def _walk(folder: str) -> Iterator[str]:
    """Writable files, without those of single interfaces."""
    with os.scandir(f"{ROOT}/{folder}") as entries:
        for entry in entries:
            path = f"{folder}/{entry.name}" if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                if folder not in OF_INTERFACES or entry.name in ("all", "default"):
                    yield from _walk(path)
            elif entry.stat(follow_symlinks=False).st_mode & 0o222:
                yield path


def _of_interfaces() -> Iterator[str]:
    for folder in OF_INTERFACES:
        with suppress(FileNotFoundError):  # a kernel may be without IPv6
            for name in os.listdir(f"{ROOT}/{folder}"):
                if name not in ("all", "default") and folder not in WITH_THE_LINK:
                    yield from _walk(f"{folder}/{name}")
                elif name not in ("all", "default") and folder == "ipv6/conf":
                    yield f"{folder}/{name}/{NOT_WITH_THE_LINK}"


def _of_loopback(path: str) -> str:
    """The path with the same value on a fresh machine, whose interfaces are all alike."""
    parts = path.split("/")
    if len(parts) == 4 and "/".join(parts[:2]) in OF_INTERFACES and parts[2] not in ("all", "default"):
        parts[2] = "lo"
    return "/".join(parts)
