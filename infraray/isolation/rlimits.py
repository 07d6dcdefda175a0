"""The kernel's limits on each process of a sandbox: the fence inside which the watcher has time to look.

They are per process (getrlimit(2)), so that alone they would allow too much; together they bound what can happen
between two looks. RLIMIT_NPROC counts all processes of the user namespace; it does not bind the machine's root, who
therefore never runs a sandbox.
"""

from __future__ import annotations

import math
import os
import resource
from contextlib import suppress

from infraray.isolation.limits import Limits

PRLIMIT = "/usr/bin/prlimit"
"""Of util-linux. It sets the limits inside the sandbox, since from outside even root needs CAP_SYS_RESOURCE for it."""

RESERVE = 8
"""Processes beside the command's that are ours: bubblewrap's, a shell and the keeper."""


def prlimit(limits: Limits, others: int) -> list[str]:
    """The words that start a command with limits, which its children inherit.

    Args:
        limits: of the command.
        others: processes and threads that the user namespace has beside.
    """
    values = {
        # Twice the watcher's limit, which is about what is touched and not what is asked for, such as threads' stacks.
        "data": (resource.RLIMIT_DATA, limits.memory_bytes * 2),
        # For mappings that are nobody's data, and their page tables; far above, as threads map what they never use.
        "as": (resource.RLIMIT_AS, limits.memory_bytes * 32),
        # Twice the watcher's, so that it sees the limit reached and not only forks that fail.
        "nproc": (resource.RLIMIT_NPROC, limits.processes * 2 + others + RESERVE),
        "nofile": (resource.RLIMIT_NOFILE, limits.open_files),
        "fsize": (resource.RLIMIT_FSIZE, limits.file_bytes),
        "cpu": (resource.RLIMIT_CPU, math.ceil(limits.cpu_s) + 1),
        "core": (resource.RLIMIT_CORE, 0),
        "memlock": (resource.RLIMIT_MEMLOCK, 0),
        "sigpending": (resource.RLIMIT_SIGPENDING, 4 * limits.processes),
        "nice": (resource.RLIMIT_NICE, 0),
        "rtprio": (resource.RLIMIT_RTPRIO, 0),
    }
    return [PRLIMIT, *(f"--{name}={_allowed(kind, value)}" for name, (kind, value) in values.items()), "--"]


def prefer_for_oom_killer(pid: int) -> None:
    """Should the machine run out of memory nevertheless, the kernel ends this process and its children first."""
    with suppress(OSError), open(f"/proc/{pid}/oom_score_adj", "w") as score:
        score.write("1000")


def count_tasks() -> int:
    """Processes and threads in this pid namespace."""
    count = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            with suppress(FileNotFoundError, ProcessLookupError):
                count += len(os.listdir(f"/proc/{name}/task"))
    return count


def _allowed(kind: int, value: int) -> int:
    """At most what this process may have itself."""
    _, hard = resource.getrlimit(kind)
    return value if hard == resource.RLIM_INFINITY else min(value, hard)
