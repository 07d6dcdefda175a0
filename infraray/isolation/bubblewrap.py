"""The view from inside a sandbox: bubblewrap's arguments for its namespaces and file system.

It consists of the system's read-only folders, a few small files that replace the machine's lists of users and hosts, a
fresh /proc and /dev, and private tmpfs of limited size for everything that is written.

Source: bwrap(1), version 0.8.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

Network = Literal["none", "reach", "inherit"]
"""``none``: only a loopback interface of its own. ``reach``: the calling thread's network namespace, as an ordinary
user. ``inherit``: the same with the rights to inspect and change it (CAP_NET_RAW, CAP_NET_ADMIN)."""

NOBODY = 65534

PROGRAM = "/program"
"""The path of the program in the sandbox."""

PROGRAMS = "/opt/bin"
"""Where the programs are that only some sandboxes have."""

SYSTEM_FOLDERS = ("/bin", "/lib", "/lib32", "/lib64", "/libx32", "/sbin")
"""Folders besides /usr, into which most distributions link them."""

ETC = ("alternatives", "iproute2", "ld.so.cache", "protocols", "services")
"""The parts of /etc that programs read: links to programs, library paths, names of protocols and routing tables."""

FILES = {
    "/etc/passwd": "root:x:0:0:root:/tmp:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/sh\n",
    "/etc/group": "root:x:0:\nnogroup:x:65534:\n",
    # A program that looks up its own host (Codex does) finds it, and waits for no server of names.
    "/etc/hosts": "127.0.0.1 localhost sandbox\n::1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\nprotocols: files\nservices: files\n",
}

ENVIRONMENT = {
    "PATH": f"{PROGRAMS}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/tmp",
    "LANG": "C.UTF-8",
    "TERM": "dumb",
}

WRITABLE = ("/tmp", "/dev/shm")
"""The private tmpfs mounts; /run and /var/tmp link to the first."""

MEMORY_SETTINGS = (
    *("core/optmem_max", "ipv4/tcp_rmem", "ipv4/tcp_wmem"),
    *("ipv4/ipfrag_high_thresh", "ipv6/ip6frag_high_thresh", "netfilter"),
)
"""Per-network settings that could make the kernel hold more memory than the watcher counts: socket options and
buffers, and fragments. The last is a folder, as its settings come with modules; older kernels lack some."""


def arguments(network: Network, tmpfs_bytes: int, nest: bool = False) -> list[str]:
    """All of bubblewrap's arguments except `files` and the command.

    Args:
        network: see `Network`.
        tmpfs_bytes: size of each writable tmpfs.
        nest: whether the program is one of ours that makes namespaces inside. The kernel lets it mount its own /proc
            only if nothing in this one is covered; nobody can write its settings here.
    """
    words = ["--new-session", "--clearenv", "--cap-drop", "ALL", "--as-pid-1"]
    words += ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup", "--hostname", "sandbox"]
    if network == "none":
        words += ["--unshare-net"]
    if network != "inherit":
        words += ["--unshare-user", "--uid", str(NOBODY), "--gid", str(NOBODY)]
    else:
        # No user namespace below the caller's: the kernel grants rights over a network only in the user namespace that
        # owns it (user_namespaces(7)).
        words += ["--cap-add", "CAP_NET_ADMIN", "--cap-add", "CAP_NET_RAW"]
    for name, value in ENVIRONMENT.items():
        words += ["--setenv", name, value]
    return [*words, *_system(), *_proc(network, nest), "--dev", "/dev", *_writable(tmpfs_bytes), "--chdir", "/tmp"]


def files(descriptors: Iterable[tuple[str, int]]) -> list[str]:
    """Copies open files into the sandbox, then makes its root read-only.

    Args:
        descriptors: pairs of a path in the sandbox and a descriptor, which is read to its end.
    """
    words: list[str] = []
    for path, descriptor in descriptors:
        words += ["--perms", "0644" if path.startswith("/tmp/") else "0444", "--file", str(descriptor), path]
    return [*words, "--remount-ro", "/"]


def programs(paths: Iterable[Path]) -> list[str]:
    """Further programs of this machine, in `PROGRAMS`."""
    words: list[str] = []
    for path in paths:
        words += ["--ro-bind", str(path), f"{PROGRAMS}/{path.name}"]
    return words


def _system() -> Iterator[str]:
    yield from ("--ro-bind", "/usr", "/usr")
    for folder in SYSTEM_FOLDERS:
        if os.path.islink(folder):
            yield from ("--symlink", os.readlink(folder).lstrip("/"), folder)
        elif os.path.isdir(folder):
            yield from ("--ro-bind", folder, folder)
    for name in ETC:
        if os.path.exists(f"/etc/{name}"):
            yield from ("--ro-bind", f"/etc/{name}", f"/etc/{name}")


def _proc(network: Network, nest: bool) -> Iterator[str]:
    """The /proc of its own pid namespace, with all kernel settings read-only except its own network's."""
    yield from ("--proc", "/proc")
    if nest:
        return
    yield from ("--ro-bind", "/proc/sys", "/proc/sys")
    if network == "inherit":
        yield from ("--bind", "/proc/sys/net", "/proc/sys/net")
        for name in MEMORY_SETTINGS:
            yield from ("--ro-bind-try", f"/proc/sys/net/{name}", f"/proc/sys/net/{name}")


def _writable(tmpfs_bytes: int) -> Iterator[str]:
    for folder in WRITABLE:
        yield from ("--perms", "1777", "--size", str(tmpfs_bytes), "--tmpfs", folder)
    yield from ("--symlink", "tmp", "/run", "--symlink", "../tmp", "/var/tmp", "--symlink", "../run", "/var/run")
    yield from ("--remount-ro", "/dev")
