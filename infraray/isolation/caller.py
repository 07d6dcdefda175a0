"""The caller of a sandbox: the user its processes run as, and whether they may get the calling thread's network."""

from __future__ import annotations

import fcntl
import os
import shutil

from infraray.errors import InfrarayError
from infraray.isolation.bubblewrap import NOBODY, Network

NS_GET_USERNS = 0xB701
"""The user namespace that owns a namespace (ioctl_ns(2))."""

INITIAL_USER_NAMESPACE = 0xEFFFFFFD
"""The machine's own user namespace (PROC_USER_INIT_INO in the kernel's ``proc_ns.h``)."""


def unprivileged() -> list[str]:
    """The command prefix that starts bubblewrap as an ordinary user: empty, or for root one that becomes nobody.

    Raises:
        InfrarayError: /proc belongs to another pid namespace, or root cannot become nobody.
    """
    if os.readlink("/proc/self") != str(os.getpid()):
        raise InfrarayError("isolation: /proc belongs to another pid namespace; mount it again (unshare --mount-proc)")
    # The folder belongs to the machine's root, whatever that user's number is in this namespace.
    if os.stat("/proc/sys/kernel").st_uid != os.geteuid():
        return []
    if not _is_mapped(NOBODY):
        raise InfrarayError(
            "isolation: root made this user namespace, and no limit on processes binds the machine's root; "
            "become another user before making it (setpriv --reuid=65534 --regid=65534 --clear-groups unshare ...)"
        )
    setpriv = shutil.which("setpriv", path="/usr/bin:/usr/sbin:/bin")
    if setpriv is None:
        raise InfrarayError("isolation: root needs setpriv to become nobody; run once: apt-get install util-linux")
    return [setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]


def require_own_network(network: Network) -> None:
    """Checks that a command may have the calling thread's network.

    Args:
        network: how a command asks for it.

    Raises:
        InfrarayError: it belongs to the machine, or to a user namespace other than this process's.
    """
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        owner = fcntl.ioctl(own, NS_GET_USERNS)
        try:
            owned_by = os.fstat(owner).st_ino
        finally:
            os.close(owner)
    except PermissionError:
        owned_by = None
    finally:
        os.close(own)
    if owned_by == INITIAL_USER_NAMESPACE or owned_by != os.stat("/proc/thread-self/ns/user").st_ino:
        raise InfrarayError(
            f"network={network!r}: this network namespace is not the own user namespace's, and may be the machine's; "
            "start from a process that made both together (unshare --map-root-user --net --mount --pid --fork)"
        )


def _is_mapped(user: int) -> bool:
    """Whether this user namespace maps that user id."""
    with open("/proc/self/uid_map") as rows:
        for row in rows:
            first, _, count = map(int, row.split())
            if first <= user < first + count:
                return True
    return False
