"""System calls for namespaces that Python 3.11 lacks."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REC, MS_PRIVATE = 0x2, 0x4, 0x8, 0x4000, 0x40000

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def unshare(flags: int) -> None:
    """Moves the calling process into new namespaces."""
    _check(_libc.unshare(flags), "unshare")


def prctl(option: int, value: int) -> None:
    """Sets an attribute of the calling process."""
    _check(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), "prctl")


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """Mounts a file system."""
    result = _libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode())
    _check(result, f"mount {kind or source} at {target}")


def current_cpu() -> int:
    """The processor on which the caller is running."""
    return int(_libc.sched_getcpu())


def map_to_root(user: int, group: int) -> None:
    """Maps the caller, with the given ids outside, to root of the user namespace that it has just made."""
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


class NetworkNamespace:
    """A network namespace.

    Args:
        file: the open file that refers to it.
    """

    def __init__(self, file: int) -> None:
        self.file = file

    @classmethod
    def current(cls) -> NetworkNamespace:
        """The calling thread's namespace."""
        return cls(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))

    @classmethod
    def new(cls) -> NetworkNamespace:
        """A fresh namespace owned by the caller's user namespace; the calling thread is in it afterwards."""
        unshare(CLONE_NEWNET)
        return cls.current()

    @property
    def path(self) -> str:
        """Its path for ip(8) and other descendants of the same process."""
        return f"/proc/{os.getpid()}/fd/{self.file}"

    def enter(self) -> None:
        """Moves the calling thread, and what it starts from then on, into the namespace."""
        _check(_libc.setns(self.file, CLONE_NEWNET), "setns")

    @contextmanager
    def left(self) -> Iterator[None]:
        """A context in which the caller may enter other namespaces; afterwards it is in this one."""
        try:
            yield
        finally:
            self.enter()

    @contextmanager
    def entered(self, home: NetworkNamespace) -> Iterator[None]:
        """A context in which the caller is in this namespace; afterwards it is in ``home``."""
        self.enter()
        try:
            yield
        finally:
            home.enter()
