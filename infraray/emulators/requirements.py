"""The requirements of emulating networks, and optional features of the kernel."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys

from infraray import isolation
from infraray.emulators.inside import mininet_package

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Folders with programs; an ordinary user's PATH lacks sbin."""

PACKAGES = {
    "unshare": "util-linux",
    "ip": "iproute2",
    "tc": "iproute2",
    "iptables": "iptables",
    "iptables-save": "iptables",
}
"""The Debian and Ubuntu package of each required program."""

PROBE_S = 20.0

_NAMESPACES = [
    "unshare",
    "--user",
    "--map-root-user",
    "--mount",
    "--pid",
    "--fork",
    "--mount-proc",
    "--net",
    "sh",
    "-c",
]
_NETWORK = (
    "ip link add s1 type bridge && ip link add v1 type veth peer name v2 && mount -t tmpfs tmpfs /run && iptables -S"
)


def problem() -> str | None:
    """Why this machine cannot emulate networks, in one line with the fix; None if it can."""
    if sys.platform != "linux":
        return f"networks are emulated by Linux; this is {sys.platform}"
    missing = {package for program, package in PACKAGES.items() if shutil.which(program, path=PATH) is None}
    if not mininet_package.found():
        missing.add("mininet")
    if missing:
        return f"apt-get install {' '.join(sorted(missing))} (not installed, and needed to emulate networks)"
    failure = _try(_NETWORK)
    if failure is None:
        return isolation.problem()
    return (
        f"no network can be made in user namespaces here ({failure}); allow them: sysctl user.max_user_namespaces, "
        "kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0; "
        "in a container, run it with --security-opt seccomp=unconfined --security-opt systempaths=unconfined"
    )


@functools.cache
def features() -> frozenset[str]:
    """Optional features of this kernel: ``netem``, a queueing discipline that delays packets."""
    return frozenset({"netem"} if _try("tc qdisc add dev lo root netem delay 1ms") is None else ())


def _try(script: str) -> str | None:
    """Runs a script in fresh namespaces; returns the first line of the error, or None."""
    try:
        result = subprocess.run(
            [*_NAMESPACES, script],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=PROBE_S,
            env={"PATH": PATH, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if result.returncode == 0:
        return None
    lines = result.stderr.strip().splitlines() or [f"exit status {result.returncode}"]
    return lines[0]
