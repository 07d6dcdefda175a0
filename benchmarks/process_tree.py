"""What a command and every process that it starts use: time, processor time, memory.

The command gets a control group (version 2) of its own below this process's. The kernel's account of it
includes processes that have ended and those that left their parent, as Ray's do; polling would miss the
short ones. Making a group takes root, or `systemd-run --user --scope`.
"""

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from benchmarks.memory import proportional_kib

LIMIT_S = 1800
"""After so long a command counts as hung."""

POLL_S = 0.25


@dataclass(frozen=True)
class Usage:
    """What a process tree used; memory is the largest sum of proportional set sizes that lasted for two polls.

    A child that has not become its program yet (vfork) runs in its parent's memory, which then counts twice.
    """

    wall_s: float
    cpu_s: float
    memory_mib: float


def measure(command: Sequence[str], folder: Path, environment: Mapping[str, str], output: IO[bytes]) -> Usage:
    """Runs a command in a folder and ends whatever it leaves behind.

    Args:
        command: the program and its arguments.
        folder: where it runs.
        environment: its environment variables.
        output: where its standard output and error go.

    Raises:
        subprocess.CalledProcessError: it failed.
        subprocess.TimeoutExpired: it took longer than `LIMIT_S`.
        PermissionError: this process may not make a control group.
    """
    with control_group() as group:
        # The shell joins the group and becomes the command, so that nothing of it is missed.
        joined = ["sh", "-c", 'echo $$ >"$0" && exec "$@"', str(group / "cgroup.procs"), *command]
        began, memory_kib, before_kib = time.monotonic(), 0, 0
        process = subprocess.Popen(joined, cwd=folder, env=environment, stdout=output, stderr=output)
        try:
            while process.poll() is None:
                if time.monotonic() - began > LIMIT_S:
                    raise subprocess.TimeoutExpired(command, LIMIT_S)
                now_kib = group_memory_kib(group)
                memory_kib, before_kib = max(memory_kib, min(before_kib, now_kib)), now_kib
                with suppress(subprocess.TimeoutExpired):
                    process.wait(POLL_S)
            wall_s = time.monotonic() - began
        finally:
            end(group)
            process.wait()
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        used = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
        return Usage(wall_s, int(used["usage_usec"]) / 1e6, memory_kib / 1024)


@contextmanager
def control_group() -> Iterator[Path]:
    """A new control group, which has to be empty again at the end."""
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    root = next(Path(fields[1]) for fields in mounts if fields[2] == "cgroup2")
    own = next(line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
    group = root / own.lstrip("/") / f"infraray-{time.time_ns()}"
    group.mkdir()
    try:
        yield group
    finally:
        group.rmdir()


def processes(group: Path) -> list[int]:
    return [int(pid) for pid in (group / "cgroup.procs").read_text().split()]


def group_memory_kib(group: Path) -> int:
    """The proportional set sizes of a group's processes; those that end meanwhile have none."""
    total = 0
    for pid in processes(group):
        with suppress(OSError):
            total += proportional_kib(pid)
    return total


def end(group: Path) -> None:
    """Kills a group's processes and waits until they are gone."""
    (group / "cgroup.kill").write_text("1")
    while processes(group):
        time.sleep(0.01)
