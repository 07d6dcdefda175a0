"""The requirements of sandboxes, and what to do if one is missing."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
from pathlib import Path

from infraray.errors import InfrarayError

KERNEL = (5, 14)
"""The first version in which RLIMIT_NPROC counts per user namespace (kernel commit 21d1c5e386bc)."""

BUBBLEWRAP = (0, 7)
"""The first version with ``--size``."""

INSTALL = "run once: apt-get install bubblewrap (Fedora: dnf install bubblewrap)"


@functools.cache
def bubblewrap_path() -> str:
    """The path of bubblewrap.

    Raises:
        InfrarayError: bubblewrap is missing, or it or the kernel is too old.
    """
    kernel = os.uname().release
    if _version(kernel) < KERNEL:
        raise InfrarayError(f"isolation: Linux {kernel} is too old; {_text(KERNEL)} or newer is needed")
    path = shutil.which("bwrap", path="/usr/bin:/usr/local/bin:/bin:" + os.environ.get("PATH", ""))
    if path is None:
        raise InfrarayError(f"isolation: bubblewrap is not installed; {INSTALL}")
    version = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    if _version(version) < BUBBLEWRAP:
        raise InfrarayError(f"isolation: {version or path} is too old; {_text(BUBBLEWRAP)} or newer is needed")
    return path


def refusal(said: str) -> InfrarayError:
    """The error for a sandbox that bubblewrap could not make.

    Args:
        said: bubblewrap's output.
    """
    reason = said.strip().splitlines()[-1] if said.strip() else "bwrap: ended without a word"
    return InfrarayError(f"isolation: no sandbox can be made here ({reason}); {_fix()}")


def _fix() -> str:
    """The fix for the likeliest reason why users cannot make namespaces."""
    for setting, forbidding, allowing in (
        ("kernel/apparmor_restrict_unprivileged_userns", "1", "0"),
        ("kernel/unprivileged_userns_clone", "0", "1"),
        ("user/max_user_namespaces", "0", "10000"),
    ):
        path = Path("/proc/sys", setting)
        if path.exists() and path.read_text().strip() == forbidding:
            return f"run once as root: sysctl -w {setting.replace('/', '.')}={allowing}"
    return (
        "users must be allowed to make namespaces; in a container, start it with "
        "--security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined"
    )


def _version(text: str) -> tuple[int, ...]:
    found = re.search(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else ()


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
