"""A dry run: makes a run's checks and says what it would play; starts and writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from infraray.actors.cluster import check_cluster
from infraray.errors import Refusals
from infraray.folders import holds
from infraray.launch import ready
from infraray.reports.notation import count_of, printable
from infraray.reports.table_lines import print_table
from infraray.runs.owed import Owed
from infraray.runs.run_file import RunSpec
from infraray.trajectories.index import EpisodeIndex
from infraray.trajectories.store import collected


@dataclass(frozen=True)
class DryRun:
    """The outcome of a dry run.

    Args:
        owed: the episodes that would be played.
        folder: where episodes would be collected.
        cluster: the address of the Ray cluster that would be joined; ``local`` for one that would be started.
    """

    owed: Owed
    folder: Path
    cluster: str


def dry_run(run: RunSpec | Mapping[str, Any] | str | Path, out: str | Path | None = None) -> DryRun:
    """Validates and plans a run as `infraray.run` does, and stops there.

    Raises:
        InfrarayError: a line for each reason to refuse the run.
    """
    refusals = Refusals()
    with refusals.collecting():
        plan, folder = ready(run, out)
    with refusals.collecting():
        cluster = check_cluster()
    refusals.refuse()
    index = collected(folder) if holds(folder, "run") else EpisodeIndex()
    return DryRun(Owed(plan, index), folder, cluster)


def print_dry_run(found: DryRun, console: Console) -> None:
    """Prints what each agent would play and where, and what is left out."""
    owed, plan = found.owed, found.owed.plan
    table = Table("scenario", "agent")
    for name in ("seeds", "repetitions", "episodes", "collected", "owed"):
        table.add_column(name, justify="right", no_wrap=True)
    for lineup in plan.lineups:
        for entry in lineup.entries:
            episodes, collected = lineup.total_per_entry, owed.found[lineup.label, entry.agent]
            counts = len(lineup.seeds), plan.spec.repetitions, episodes, collected, episodes - collected
            table.add_row(printable(lineup.label), printable(entry.agent), *(f"{count:,}" for count in counts))
    print_table(table, console)
    lines = [f"note: {line}" for line in plan.left_out]
    lines += [
        f"engine {name}: {engine.engine} would be started with {engine.model}" for name, engine in plan.engines.items()
    ]
    where = "would be started on this machine" if found.cluster == "local" else f"at {found.cluster} would be joined"
    lines.append(
        f"valid: {count_of(plan.total, 'episode')} planned, {owed.found.total():,} collected, "
        f"{owed.total:,} owed, in {found.folder}; a Ray cluster {where}; nothing was started"
    )
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
