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
from infraray.folders import check_not_shared, named_path
from infraray.runs.plan import Plan
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec, load_run, parse_run
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
    plan = prepare(run)
    if not os.environ.get("RAY_ADDRESS"):
        check_nothing_missing(plan)
    run_dir = run_folder(plan, out)
    open_folder(run_dir, plan.spec.name)  # what is refused is refused before Ray is started
    console = Console(stderr=True, quiet=quiet)
    if (summary := settled(plan, run_dir)) is not None:
        for line in plan.left_out:
            console.print(f"note: {line}", markup=False, highlight=False, soft_wrap=True)
        return summary
    with ray_cluster(plan.spec.workers):
        # Ray reads its settings when it is imported, which `ray_cluster` prepares.
        from infraray.actors.scheduler import Scheduler
        from infraray.progress import RunProgress

        with RunProgress(plan, console) as progress:
            for line in plan.left_out:
                progress.notice(line)
            return Scheduler(plan, run_dir, progress).run()


def prepare(run: RunSpec | Mapping[str, Any] | str | Path) -> Plan:
    """The plan of a run, in any of the forms in which `run` takes it.

    Raises:
        InfrarayError: the run is not valid.
    """
    spec = run if isinstance(run, RunSpec) else parse_run(run) if isinstance(run, Mapping) else load_run(run)
    # A user's module lies where the command is given, as with `python -m`.
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    return make_plan(spec)


def check_nothing_missing(plan: Plan) -> None:
    """Refuses a plan for whose episodes this machine lacks something.

    Raises:
        InfrarayError: a line for each scenario of which that is so.
    """
    missing = [(lineup.label, lineup.environment.missing_here()) for lineup in plan.lineups]
    if lines := [f"{label}: {what}" for label, what in missing if what is not None]:
        raise InfrarayError("\n".join(lines))


def run_folder(plan: Plan, out: str | Path | None) -> Path:
    """Where a plan's episodes are collected; nothing is made there.

    Raises:
        InfrarayError: ``out`` is blank, or holds a study.
    """
    run_dir = Path("runs") / plan.spec.name if out is None else named_path("--out", out)
    check_not_shared(run_dir, "run")
    return run_dir
