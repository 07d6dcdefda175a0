"""Namespaces, limits and the filter for one fork of a warm interpreter: what bubblewrap and prlimit do for a command.

The interpreter itself is in a sandbox that still allows making namespaces; a fork makes its own, gives up every right
and installs a command's filter before it reads anything untrusted.

Sources: unshare(2), mount(2), capabilities(7), seccomp(2), prctl(2).
"""

from __future__ import annotations

import ctypes
import os
import resource

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
ALL = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 0x1, 0x2, 0x4, 0x8, 0x20
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
PLAIN = MS_NOSUID | MS_NODEV | MS_NOEXEC

PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 22, 24, 38, 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
SECCOMP_MODE_FILTER = 2
CAPABILITY_VERSION_3 = 0x20080522

INSTRUCTION_BYTES = 8
"""Size of a ``struct sock_filter``."""

_libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def make_namespaces() -> None:
    """Puts the calling process into new namespaces; its next child is the first process of the new pid namespace."""
    user, group = os.getuid(), os.getgid()
    _check(_libc.unshare(ALL), "unshare")
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def furnish(tmpfs_bytes: int) -> None:
    """Gives the first process of new namespaces its own /proc and writable folders, and no terminals.

    Args:
        tmpfs_bytes: the size of /tmp, and of /dev/shm.
    """
    os.setsid()  # the kernel signals a whole process group, even across pid namespaces
    _mount("none", "/", "", MS_REC | MS_PRIVATE)
    _mount("proc", "/proc", "proc", PLAIN)
    _mount("/proc/sys", "/proc/sys", "", MS_BIND)
    _mount("none", "/proc/sys", "", MS_BIND | MS_REMOUNT | MS_RDONLY | PLAIN)
    for folder in ("/tmp", "/dev/shm"):
        _mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, f"size={tmpfs_bytes},mode=1777")
    _mount("tmpfs", "/dev/pts", "tmpfs", PLAIN | MS_RDONLY, "size=4k,mode=0555")
    os.chdir("/tmp")


def limit(limits: dict[str, int]) -> None:
    """Sets the kernel's limits on the calling process and those it will start.

    Args:
        limits: values by their names in `resource`, such as ``RLIMIT_CPU``.
    """
    for name, value in limits.items():
        kind = getattr(resource, name)
        _, hard = resource.getrlimit(kind)
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (least, least))


def give_up_rights(program: bytes) -> None:
    """Permanently leaves the calling process without capabilities and under a filter of system calls.

    Args:
        program: the filter, an array of ``struct sock_filter``.
    """
    with open("/proc/sys/kernel/cap_last_cap") as file:
        last = int(file.read())
    for capability in range(last + 1):
        _prctl(PR_CAPBSET_DROP, capability)
    _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    _check(_libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    given = _Program(len(program) // INSTRUCTION_BYTES, program)
    _prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.addressof(given))


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    result = _libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode())
    _check(result, f"mount at {target}")


def _prctl(option: int, *values: int) -> None:
    words = [ctypes.c_ulong(value) for value in (*values, 0, 0, 0, 0)[:4]]
    _check(_libc.prctl(option, *words), f"prctl {option}")


def _check(result: int, what: str) -> None:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
