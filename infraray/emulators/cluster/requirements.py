"""The requirements of emulating clusters."""

from __future__ import annotations

import ctypes
import os
import shutil
import sysconfig
from pathlib import Path

from infraray.emulators import requirements
from infraray.isolation.packages import is_open

PACKAGES = {"unshare": "util-linux", "nft": "nftables"}
"""The Debian and Ubuntu package of each required program; that of nft(8) has the library that is used."""

_CLUSTER = (
    "nft add table ip t && nft 'add chain ip t c { type nat hook prerouting priority dstnat; }' && "
    "nft 'add rule ip t c tcp dport 80 dnat ip to 10.0.0.1:80'"
)


def problem(api_server: str = "") -> str | None:
    """Why this machine cannot emulate clusters, in one line with the fix; None if it can.

    Args:
        api_server: the path of a kube-apiserver to run; empty for infraray's own.
    """
    found = requirements.problem("clusters", PACKAGES, set() if _has_library() else {"libnftables1"}, _CLUSTER)
    if found is not None:
        return found
    if kubectl() is None:
        return (
            "kubectl is not installed where every user may run it: pip install 'infraray[kubernetes]', "
            "or apt-get install kubernetes-client"
        )
    return api_server_problem(api_server) if api_server else None


def api_server_problem(path: str) -> str | None:
    """Why a kube-apiserver cannot be run, in one line with the fix; None if it can."""
    if not _is_program(Path(path)):
        return f"api_server={path!r}: no program that every user may run; give the absolute path of a kube-apiserver"
    if etcd(path) is None:
        return f"api_server={path!r}: needs etcd, beside it or from: apt-get install etcd-server"
    if shutil.which("openssl", path=requirements.PATH) is None:
        return f"api_server={path!r}: needs openssl for its certificate: apt-get install openssl"
    return None


def etcd(api_server: str) -> str | None:
    """The path of etcd: the one beside a kube-apiserver, else the system's; None for neither."""
    for folder in (Path(api_server).parent, *map(Path, requirements.PATH.split(":"))):
        if _is_program(folder / "etcd"):
            return str((folder / "etcd").resolve())
    return None


def kubectl() -> str | None:
    """The path of kubectl: this environment's if a sandbox's user may run it, else the system's; None for neither."""
    for folder in (sysconfig.get_path("scripts"), *requirements.PATH.split(":")):
        path = Path(folder, "kubectl")
        if _is_program(path):
            return os.path.realpath(path)
    return None


def _is_program(path: Path) -> bool:
    """Whether a sandbox's user may run it."""
    return path.is_absolute() and path.is_file() and os.access(path, os.X_OK) and is_open(path)


def _has_library() -> bool:
    try:
        ctypes.CDLL("libnftables.so.1")
    except OSError:
        return False
    return True
