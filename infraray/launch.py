"""Running a run: plan, cluster, scheduler, and a summary."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from rich.console import Console

from infraray.actors.cluster import ray_cluster
from infraray.errors import Refusals
from infraray.folders import chosen_folder
from infraray.runs.owed import Owed
from infraray.runs.plan import Plan
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec
from infraray.summary import Summary, note_start
from infraray.trajectories.manifest import BrokenManifest, Manifest
from infraray.trajectories.store import RunStore, check_name, open_folder
from infraray.user_file import find_modules_here


def run(run: RunSpec | Mapping[str, Any] | str | Path, out: str | Path | None = None, quiet: bool = False) -> Summary:
    """Plays and collects the episodes that a run owes; those already collected are not played again.

    Args:
        run: a `RunSpec`, the same as a mapping, or the path of a YAML file.
        out: the run's folder; ``runs/NAME`` by default.
        quiet: show no progress.

    Returns:
        How many episodes were planned, found, finished and failed.

    Raises:
        InfrarayError: the run is not valid, its folder cannot be written, or Ray cannot be reached.
    """
    plan, run_dir = ready(run, out)
    open_folder(run_dir, plan.spec.name)  # refused, if at all, before Ray is started
    console = Console(stderr=True, quiet=quiet)
    with closing(RunStore(run_dir)) as store:
        owed = Owed(plan, store.index)
        notices = [*plan.left_out, *store.repairs]
        if not owed.total:
            note_start(plan, run_dir)
            store.finish()
    if not owed.total:
        for line in notices:
            console.print(f"note: {line}", markup=False, highlight=False, soft_wrap=True)
        return Summary(plan.total, found=plan.total)
    with ray_cluster(plan.spec.workers):
        # Ray reads its settings when it is imported, which `ray_cluster` prepares.
        from infraray.actors.scheduler import Scheduler
        from infraray.progress import RunProgress

        with RunProgress(plan, console) as progress:
            for line in notices:
                progress.notice(line)
            return Scheduler(owed, run_dir, progress).run()


def ready(run: RunSpec | Mapping[str, Any] | str | Path, out: str | Path | None) -> tuple[Plan, Path]:
    """The plan of a run that can be played, and the folder for its episodes, where nothing is created yet.

    Raises:
        InfrarayError: a line for everything that prevents it.
    """
    spec = RunSpec.of(run)
    refusals = Refusals()
    with refusals.collecting():
        plan = prepare(spec, here=not os.environ.get("RAY_ADDRESS"))
    with refusals.collecting():
        run_dir = chosen_folder("run", spec.name, out)
        _check_name(run_dir, spec.name)
    refusals.refuse()
    return plan, run_dir


def prepare(spec: RunSpec, here: bool) -> Plan:
    """The plan of a run; the user's modules are found in the current folder, as with `python -m`.

    Args:
        spec: the run.
        here: whether this machine will play it; see `make_plan`.

    Raises:
        InfrarayError: the run is not valid.
    """
    find_modules_here()
    return make_plan(spec, here)


def _check_name(folder: Path, name: str) -> None:
    """Refuses another run's folder; a damaged ``run.json`` will be rewritten."""
    if (folder / "run.json").exists():
        with suppress(BrokenManifest):
            check_name(folder, Manifest.load(folder / "run.json"), name)
