"""The requirements of emulating clusters."""

from __future__ import annotations

import ctypes
import os
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


def problem() -> str | None:
    """Why this machine cannot emulate clusters, in one line with the fix; None if it can."""
    found = requirements.problem("clusters", PACKAGES, set() if _has_library() else {"libnftables1"}, _CLUSTER)
    if found is not None:
        return found
    if kubectl() is None:
        return (
            "kubectl is not installed where every user may run it: pip install 'infraray[kubernetes]', "
            "or apt-get install kubernetes-client"
        )
    return None


def kubectl() -> str | None:
    """The path of kubectl: this environment's if a sandbox's user may run it, else the system's; None for neither."""
    for folder in (sysconfig.get_path("scripts"), *requirements.PATH.split(":")):
        path = Path(folder, "kubectl")
        if os.access(path, os.X_OK) and is_open(path):
            return os.path.realpath(path)
    return None


def _has_library() -> bool:
    try:
        ctypes.CDLL("libnftables.so.1")
    except OSError:
        return False
    return True
