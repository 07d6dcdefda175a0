"""The kernel's limits on each process of a sandbox, which give the watcher time to look.

They apply per process (getrlimit(2)), so alone they would allow too much; together they bound what can happen between
two looks. RLIMIT_NPROC counts all processes of the user namespace; it does not bind the machine's root, which
therefore never runs a sandbox.
"""

from __future__ import annotations

import math
import os
import resource
from contextlib import suppress

from infraray.isolation.limits import Limits

PRLIMIT = "/usr/bin/prlimit"
"""From util-linux. It sets the limits inside the sandbox; from outside, even root would need CAP_SYS_RESOURCE."""

RESERVE = 8
"""Our own processes beside the command's: bubblewrap's, a shell and the keeper."""


def prlimit(limits: Limits, others: int) -> list[str]:
    """The command prefix that sets limits, which children inherit.

    Args:
        limits: of the command.
        others: other processes and threads in the user namespace.
    """
    values = {
        # Twice the watcher's limit, which counts touched memory rather than reserved memory such as threads' stacks.
        "data": (resource.RLIMIT_DATA, limits.memory_bytes * 2),
        # For mappings that hold no data, and their page tables; far above, as threads map memory that they never use.
        "as": (resource.RLIMIT_AS, limits.memory_bytes * 32),
        # Twice the watcher's, so that it sees the limit reached rather than only failing forks.
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
    """Makes the kernel end this process and its children first if the machine still runs out of memory."""
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
    """The limit, capped at this process's own hard limit."""
    _, hard = resource.getrlimit(kind)
    return value if hard == resource.RLIM_INFINITY else min(value, hard)
