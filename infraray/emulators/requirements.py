"""The requirements that all emulators share."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping

from infraray import isolation

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Folders with programs; an ordinary user's PATH lacks sbin."""

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


def problem(what: str, programs: Mapping[str, str], lacking: Collection[str], script: str) -> str | None:
    """Why this machine cannot emulate something, in one line with the fix; None if it can.

    Args:
        what: it, such as ``networks``.
        programs: the Debian and Ubuntu package of each required program.
        lacking: further packages that are known to be missing.
        script: what must succeed in fresh namespaces.
    """
    if sys.platform != "linux":
        return f"{what} are emulated by Linux; this is {sys.platform}"
    missing = {package for program, package in programs.items() if shutil.which(program, path=PATH) is None}
    if missing := missing.union(lacking):
        return f"apt-get install {' '.join(sorted(missing))} (not installed, and needed to emulate {what})"
    failure = refusal(script)
    if failure is None:
        return isolation.problem()
    return (
        f"no network can be made in user namespaces here ({failure}); allow them: sysctl user.max_user_namespaces, "
        "kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0; "
        "in a container, run it with --security-opt seccomp=unconfined --security-opt systempaths=unconfined"
    )


def refusal(script: str) -> str | None:
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
