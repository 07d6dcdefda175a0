"""Running a run: plan, cluster, scheduler, and a summary."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from infraray.actors.cluster import ray_cluster
from infraray.errors import InfrarayError
from infraray.runs import RunSpec, load_run, make_plan, parse_run
from infraray.summary import Summary, settled
from infraray.trajectories.store import open_folder


def run(run: RunSpec | Mapping[str, Any] | str | Path, out: str | Path | None = None, quiet: bool = False) -> Summary:
    """Plays what a run owes and collects it; what is collected already is not played again.

    Args:
        run: a `RunSpec`, the same as a mapping, or the path of a YAML file.
        out: the run's folder; ``runs/NAME`` by default.
        quiet: show no progress.

    Returns:
        How many episodes were planned, found, finished and failed.

    Raises:
        InfrarayError: the run is not valid, its folder cannot be written, or Ray cannot be reached.
    """
    spec = run if isinstance(run, RunSpec) else parse_run(run) if isinstance(run, Mapping) else load_run(run)
    # A user's module lies where the command is given, as with `python -m`.
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    plan = make_plan(spec)
    for lineup in plan.lineups if not os.environ.get("RAY_ADDRESS") else ():
        if (missing := lineup.environment.missing_here()) is not None:
            raise InfrarayError(f"{lineup.label}: {missing}")
    run_dir = Path(out) if out is not None else Path("runs") / spec.name
    open_folder(run_dir, spec.name)  # what is refused is refused before Ray is started
    console = Console(stderr=True, quiet=quiet)
    if (summary := settled(plan, run_dir)) is not None:
        for line in plan.left_out:
            console.print(f"note: {line}", markup=False, highlight=False, soft_wrap=True)
        return summary
    with ray_cluster(spec.workers):
        # Ray reads its settings when it is imported, which `ray_cluster` prepares.
        from infraray.actors.scheduler import Scheduler
        from infraray.progress import RunProgress

        with RunProgress(plan, console) as progress:
            for line in plan.left_out:
                progress.notice(line)
            return Scheduler(plan, run_dir, progress).run()
