"""Memory use of processes."""

from pathlib import Path


def proportional_kib(pid: int) -> int:
    """A process's proportional set size: shared memory is divided among those who share it."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
