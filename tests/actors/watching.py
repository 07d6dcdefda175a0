"""What the tests of runs compare and wait for."""

import os
import time
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from infraray.engines.supervisor import descendants
from infraray.trajectories.reader import Run

MEASURED = ["started_at", "wall_s", "latency_s", "attempts", "run"]
"""Columns that differ between two plays of one episode."""

MARK = f"INFRARAY_TESTED_BY={os.getpid()}"
"""In the environment of all that this process starts."""
os.environ.update([MARK.split("=")])


def content(run_dir: Path) -> tuple[pa.Table, pa.Table]:
    """A run's two tables without what was measured, in one order."""
    episodes, steps = Run(run_dir).episodes(), Run(run_dir).steps()
    return (
        episodes.drop_columns([name for name in MEASURED if name in episodes.column_names]).sort_by("episode_id"),
        steps.drop_columns([name for name in MEASURED if name in steps.column_names]).sort_by(
            [("episode_id", "ascending"), ("index", "ascending")]
        ),
    )


def processes(title: str) -> list[int]:
    """Ids of this process's whose command line starts with ``title``; others may test on this machine."""
    below = set(descendants(os.getpid()))
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (path / "cmdline").read_bytes().startswith(title.encode()):
                # One that has lost its parents still has what it inherited.
                if int(path.name) in below or MARK.encode() in (path / "environ").read_bytes().split(b"\0"):
                    found.append(int(path.name))
    return found


def wait_for(condition, timeout_s: float = 60.0):
    """Waits until ``condition()`` is true and returns what it returned."""
    give_up = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.02)
    return value
