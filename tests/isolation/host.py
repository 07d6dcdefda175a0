"""The machine around the sandboxes, as attacks must leave it: baits that nobody may touch, and what may not change."""

from __future__ import annotations

import ctypes
import os
import secrets
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PR_SET_CHILD_SUBREAPER = 36

VOLATILE = ("random/", "ns_last_pid", "pty/nr", "perf_event_max_sample_rate", "keys/", "sched")
"""Below /proc/sys/kernel, what changes by itself."""


class Baits:
    """Things of this process that an attack would like to reach.

    Args:
        folder: a folder that other users can enter and write to.
    """

    def __init__(self, folder: Path) -> None:
        self.secret = secrets.token_hex(16)
        self.reached: list[str] = []
        self.pid = os.getpid()
        self.file = folder / "canary"
        self.file.write_text(self.secret)
        self.file.chmod(0o666)
        self.path_socket = folder / "socket"
        self._servers = {
            "the machine's loopback": socket.create_server(("127.0.0.1", 0)),
            "a socket of the machine": self._unix(str(self.path_socket)),
            "an abstract socket of the machine": self._unix(f"\0infraray-{self.secret[:8]}"),
        }
        self.path_socket.chmod(0o777)
        self.port = self._servers["the machine's loopback"].getsockname()[1]
        for server in self._servers.values():
            server.setblocking(False)

    def fill(self, text: str) -> str:
        """An attack's text with the baits' names: «pid», «file», «port», «path_socket», «abstract»."""
        names: dict[str, Any] = {
            "pid": self.pid,
            "file": self.file,
            "port": self.port,
            "path_socket": self.path_socket,
            "abstract": f"infraray-{self.secret[:8]}",
        }
        for name, value in names.items():
            text = text.replace(f"«{name}»", str(value))
        return text

    def taken(self) -> list[str]:
        """What has been reached or changed so far."""
        for name, server in self._servers.items():
            try:
                server.accept()[0].close()
                self.reached.append(name)
            except BlockingIOError:
                pass
        if self.file.read_text() != self.secret or stat.S_IMODE(self.file.stat().st_mode) != 0o666:
            self.reached.append("a file of the machine")
        return self.reached

    def close(self) -> None:
        for server in self._servers.values():
            server.close()

    @staticmethod
    def _unix(address: str) -> socket.socket:
        server = socket.socket(socket.AF_UNIX)
        server.bind(address)
        server.listen()
        return server


def state() -> dict[str, Any]:
    """What of this machine an attack could change for good."""
    settings = {}
    for folder in ("kernel", "vm", "fs", "net/ipv4", "net/core", "user"):
        for path in sorted(Path("/proc/sys", folder).rglob("*")):
            name = str(path.relative_to("/proc/sys"))
            volatile = any(part in name for part in VOLATILE) or name.startswith(
                ("fs/file-nr", "fs/inode", "fs/dentry")
            )
            if not volatile and path.is_file() and os.access(path, os.R_OK):
                try:
                    settings[name] = path.read_bytes()
                except OSError:
                    settings[name] = b"cannot be read"
    return {
        "settings": settings,
        "mounts": [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()],
        "devices": {name: os.stat(f"/dev/{name}").st_mode for name in ("null", "zero", "urandom", "tty")},
        "environment": {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"},
        "left in /tmp": sorted(path.name for path in Path("/tmp").iterdir() if path.name.startswith("hostile")),
        "host name": socket.gethostname(),
        "limits": Path("/proc/self/limits").read_text(),
        "interfaces": [name for _, name in socket.if_nameindex()],
    }


@contextmanager
def adopting() -> Iterator[None]:
    """Makes this process the parent of whatever outlives its own parent below it, so that `children` misses nothing."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def children() -> set[int]:
    """This process's children, with what was left to it."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_bytes().rpartition(b")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            if parent == os.getpid():
                found.add(int(entry.name))
    return found


def left_after(before: set[int], patience_s: float = 30.0) -> set[int]:
    """Children that were not there before and do not end; those that have ended are taken note of."""
    deadline = time.monotonic() + patience_s
    while left := children() - before:
        for pid in left:
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass
        if time.monotonic() > deadline:
            return left
        time.sleep(0.005)
    return set()
