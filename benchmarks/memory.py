"""What processes take of memory."""

from pathlib import Path


def proportional_kib(pid: int) -> int:
    """A process's resident memory, what it shares divided by the number of those who share it."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
