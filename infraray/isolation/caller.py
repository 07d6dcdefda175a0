"""Who starts a sandbox: as whom its processes run, and whether the calling thread's network may be handed to them."""

from __future__ import annotations

import fcntl
import os
import shutil
from dataclasses import dataclass

from infraray.errors import InfrarayError
from infraray.isolation.bubblewrap import NOBODY

NS_GET_USERNS = 0xB701
"""The user namespace that owns a namespace (ioctl_ns(2))."""

INITIAL_USER_NAMESPACE = 0xEFFFFFFD
"""The machine's own (PROC_USER_INIT_INO in the kernel's ``proc_ns.h``)."""


@dataclass(frozen=True)
class Caller:
    """How this process starts bubblewrap.

    Args:
        words: what stands before bubblewrap's name, for root to become nobody first.
        is_root: the kernel takes the sandbox's processes for the machine's root, though one without capabilities.
            So where root has made the caller's user namespace and is the only user in it.
    """

    words: tuple[str, ...]
    is_root: bool


def caller() -> Caller:
    """Describes this process.

    Raises:
        InfrarayError: /proc shows another pid namespace, or root cannot become nobody.
    """
    if os.readlink("/proc/self") != str(os.getpid()):
        raise InfrarayError("isolation: /proc is another pid namespace's; mount it anew (unshare --mount-proc)")
    # The folder belongs to the machine's root; where that user is not mapped, to the overflow user.
    is_root = os.stat("/proc/sys/kernel").st_uid == os.geteuid() == 0
    if not is_root or not _is_mapped(NOBODY):
        return Caller((), is_root)
    setpriv = shutil.which("setpriv", path="/usr/bin:/bin")
    if setpriv is None:
        raise InfrarayError("isolation: root needs setpriv to give up its rights; run once: apt-get install util-linux")
    return Caller((setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"), False)


def require_own_network() -> None:
    """Checks that the calling thread's network is one that a command may change.

    Raises:
        InfrarayError: it belongs to the machine, or to another user namespace than this process's.
    """
    network = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        owner = fcntl.ioctl(network, NS_GET_USERNS)
        try:
            owned_by = os.fstat(owner).st_ino
        finally:
            os.close(owner)
    except PermissionError:
        owned_by = None
    finally:
        os.close(network)
    if owned_by == INITIAL_USER_NAMESPACE or owned_by != os.stat("/proc/thread-self/ns/user").st_ino:
        raise InfrarayError(
            "network='inherit': this network namespace is not the own user namespace's, and may be the machine's; "
            "start from a process that made both together (unshare --map-root-user --net --mount --pid --fork)"
        )


def _is_mapped(user: int) -> bool:
    """Whether this user namespace has a user of that number."""
    with open("/proc/self/uid_map") as rows:
        for row in rows:
            first, _, count = map(int, row.split())
            if first <= user < first + count:
                return True
    return False
