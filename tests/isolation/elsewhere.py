"""Runs a function in another process: as nobody, or in namespaces like those of an emulated network.

The process is a fork, not a new interpreter: nobody may not read root's installation of Python.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import traceback
import warnings
from collections.abc import Callable
from typing import Any

NOBODY = 65534

CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x20000, 0x10000000, 0x20000000, 0x40000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
PR_SET_DUMPABLE = 4

LIBC = ctypes.CDLL(None, use_errno=True)


def as_nobody(function: Callable[[], Any]) -> Any:
    """What ``function`` returns when nobody calls it; only root can ask."""

    def become() -> Any:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        LIBC.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)  # so that /proc/self belongs to nobody too
        os.chdir("/")
        return function()

    return in_fork(become)


def in_namespaces(function: Callable[[], Any], drop_root: bool = True) -> Any:
    """What ``function`` returns as the first process of new user, mount, pid and network namespaces.

    The same as ``unshare --map-root-user --net --mount --pid --fork --mount-proc``.

    Args:
        function: what to call.
        drop_root: whether root becomes nobody first.
    """

    def enter() -> Any:
        user, group = os.geteuid(), os.getegid()
        _check(LIBC.unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET))
        for name, content in (("uid_map", f"0 {user} 1"), ("setgroups", "deny"), ("gid_map", f"0 {group} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(content)
        return in_fork(start)

    def start() -> Any:
        _check(LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
        _check(LIBC.mount(b"proc", b"/proc", b"proc", 0, None))
        return function()

    return as_nobody(enter) if drop_root and os.geteuid() == 0 else in_fork(enter)


def new_network() -> None:
    """Moves this thread into a new network namespace, as an emulated machine has one."""
    _check(LIBC.unshare(CLONE_NEWNET))


def in_fork(function: Callable[[], Any]) -> Any:
    """What ``function`` returns in a forked process; what it raises is raised here as `AssertionError`."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that other threads are not there in the fork
        child = os.fork()
    if child == 0:
        try:
            answer = (True, function())
        except BaseException:
            answer = (False, traceback.format_exc())
        with os.fdopen(writing, "wb") as file:
            file.write(pickle.dumps(answer))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        content = file.read()
    os.waitpid(child, 0)
    succeeded, result = pickle.loads(content)
    assert succeeded, result
    return result


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
