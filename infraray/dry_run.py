"""A dry run: makes a run's checks and says what it would play; starts and writes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from infraray.actors.cluster import check_cluster
from infraray.episodes import EpisodeSpec
from infraray.errors import Refusals
from infraray.folders import holds
from infraray.launch import ready
from infraray.reports.notation import count_of, printable
from infraray.reports.table_lines import print_table
from infraray.runs.plan import Plan
from infraray.runs.run_file import RunSpec
from infraray.trajectories.index import EpisodeIndex
from infraray.trajectories.store import collected

_AT_ONCE = 10_000
"""Episodes whose identities are in memory at a time."""


@dataclass(frozen=True)
class DryRun:
    """The outcome of a dry run.

    Args:
        plan: what the run asks for.
        folder: where episodes would be collected.
        owed: episodes that would be played, by the scenario's label and agent, including zeros.
        cluster: the address of the Ray cluster that would be joined; ``local`` for one that would be started.
    """

    plan: Plan
    folder: Path
    owed: Mapping[tuple[str, str], int]
    cluster: str

    @property
    def total_owed(self) -> int:
        """Episodes that would be played."""
        return sum(self.owed.values())


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
    return DryRun(plan, folder, _owed(plan, index), cluster)


def _owed(plan: Plan, index: EpisodeIndex) -> Counter[tuple[str, str]]:
    owed = Counter({(lineup.label, entry.agent): 0 for lineup in plan.lineups for entry in lineup.entries})
    episodes = plan.episodes()
    while chunk := list(islice(episodes, _AT_ONCE)):
        for spec, missing in zip(chunk, index.missing([spec.id for spec in chunk]), strict=True):
            owed[_who(spec)] += missing
    return owed


def _who(spec: EpisodeSpec) -> tuple[str, str]:
    return spec.entry.label, spec.entry.agent


def print_dry_run(found: DryRun, console: Console) -> None:
    """Prints what each agent would play and where, and what is left out."""
    plan = found.plan
    table = Table("scenario", "agent")
    for name in ("seeds", "repetitions", "episodes", "collected", "owed"):
        table.add_column(name, justify="right", no_wrap=True)
    for lineup in plan.lineups:
        for entry in lineup.entries:
            episodes, owed = lineup.total_per_entry, found.owed[lineup.label, entry.agent]
            counts = len(lineup.seeds), plan.spec.repetitions, episodes, episodes - owed, owed
            table.add_row(printable(lineup.label), printable(entry.agent), *(f"{count:,}" for count in counts))
    print_table(table, console)
    lines = [f"note: {line}" for line in plan.left_out]
    lines += [
        f"engine {name}: {engine.engine} would be started with {engine.model}" for name, engine in plan.engines.items()
    ]
    where = "would be started on this machine" if found.cluster == "local" else f"at {found.cluster} would be joined"
    lines.append(
        f"valid: {count_of(plan.total, 'episode')} planned, {plan.total - found.total_owed:,} collected, "
        f"{found.total_owed:,} owed, in {found.folder}; a Ray cluster {where}; nothing was started"
    )
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
