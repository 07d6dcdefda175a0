"""The report as data: everything that the page, the tables and the terminal show."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from infraray.environment import Score
from infraray.errors import InfrarayError
from infraray.provenance import describe
from infraray.reports.leaderboard import Leaderboard, make_leaderboard
from infraray.reports.notation import count_of
from infraray.reports.selection import REPORTED, Results, Selection, select
from infraray.statistics.distributions import Distribution, score_distributions
from infraray.statistics.forfeits import count_forfeits
from infraray.trajectories.manifest import Manifest, PlannedScenario
from infraray.trajectories.reader import Run
from infraray.trajectories.store import read_repairs


@dataclass(frozen=True)
class ScenarioReport:
    """One scenario of a run.

    Args:
        label: the run's name for it.
        entry: its part of ``run.json``.
        score: the score's name, its unit, and which way is better.
        leaderboard: the agents, best first.
        distributions: distributions of scores, by agent.
        tasks: the number of tasks with an episode.
        planned: episodes that the plan asks for.
        owed: those of them not collected yet.
        failed: episodes that were given up.
        unknown: forfeited episodes whose value cannot be determined.
    """

    label: str
    entry: PlannedScenario
    score: Score
    leaderboard: Leaderboard
    distributions: Mapping[str, Distribution]
    tasks: int
    planned: int
    owed: int
    failed: int
    unknown: int

    @property
    def collected(self) -> int:
        """Planned episodes that are collected."""
        return self.planned - self.owed


@dataclass(frozen=True)
class Report:
    """A run's report.

    Args:
        name: the run's name.
        infraray_version: of the installation that played it.
        created_at: when it was begun, ISO 8601.
        scenarios: in the plan's order.
        left_out: collected episodes that the present plan does not ask for.
        files: what was written, by kind (html, markdown, leaderboard, comparisons); empty before.
        origin: command, code, versions, machine and times, one line each.
        repairs: damage found in the folder since it was made, one line each.
        notes: what else a reader must know, one sentence each.
    """

    name: str
    infraray_version: str
    created_at: str
    scenarios: tuple[ScenarioReport, ...]
    left_out: int
    files: Mapping[str, Path]
    origin: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def planned(self) -> int:
        """Episodes that the plan asks for."""
        return sum(scenario.planned for scenario in self.scenarios)

    @cached_property
    def owed(self) -> int:
        """Planned episodes that are not collected yet."""
        return sum(scenario.owed for scenario in self.scenarios)

    @cached_property
    def failed(self) -> int:
        """Episodes that were given up."""
        return sum(scenario.failed for scenario in self.scenarios)

    @cached_property
    def unknown(self) -> int:
        """Forfeited episodes whose value cannot be determined."""
        return sum(scenario.unknown for scenario in self.scenarios)

    @property
    def collected(self) -> int:
        """Planned episodes that are collected."""
        return self.planned - self.owed

    @cached_property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know before believing the tables, one sentence each."""
        found = [*self.notes]
        if self.owed:
            found.append(
                f"Unfinished: {count_of(self.owed, 'episode')} of {self.planned:,} are owed; "
                "run the same command again to play them."
            )
        if self.failed:
            found.append(
                f"{count_of(self.failed, 'episode')} of {self.collected:,} failed. Each counts as the worst score "
                "that its task has: of the floor and of all who played it."
            )
        if self.unknown:
            found.append(
                f"{count_of(self.unknown, 'episode')} without a score left out: nobody has a score on the task, and "
                "its floor is not known. Means over the other tasks may flatter."
            )
        if self.left_out:
            found.append(
                f"{count_of(self.left_out, 'episode')} in the run's folder left out: "
                "the present plan does not ask for them."
            )
        found += [f"Damage was found in {line}." for line in self.repairs]
        return tuple(found)


def report(run_dir: str | Path) -> Report:
    """Evaluates a run.

    Raises:
        InfrarayError: the folder holds no run, or one without any episode.
    """
    run = Run(run_dir)
    selection = select(run.episode_batches(REPORTED), run.manifest)
    try:
        return replace(_evaluate(selection, run.manifest), repairs=tuple(read_repairs(run.path)))
    except InfrarayError as error:
        raise InfrarayError(f"{run_dir}: {error}") from None


def evaluate(episodes: Iterable[pa.RecordBatch], manifest: Manifest) -> Report:
    """Evaluates the episodes of a run.

    Args:
        episodes: schema `infraray.trajectories.schema.EPISODES`, each episode once.
        manifest: what ``run.json`` holds.

    Raises:
        InfrarayError: none of the planned episodes is among them.
    """
    return _evaluate(select(episodes, manifest), manifest)


def _evaluate(selection: Selection, manifest: Manifest) -> Report:
    made = Report(
        name=manifest.name,
        infraray_version=manifest.infraray_version,
        created_at=manifest.created_at,
        scenarios=tuple(_evaluate_scenario(results) for results in selection.results),
        left_out=selection.left_out,
        files={},
        origin=tuple(describe(manifest.sessions)),
    )
    if not made.collected and manifest.study is None:
        raise InfrarayError(
            f"nothing to report: none of the {made.planned:,} planned episodes is collected; "
            "play the run first with 'infraray run'"
        )
    return made


def _evaluate_scenario(results: Results) -> ScenarioReport:
    counted = count_forfeits(results)
    return ScenarioReport(
        label=results.label,
        entry=results.entry,
        score=results.score,
        leaderboard=make_leaderboard(counted),
        distributions=score_distributions(counted.results),
        tasks=results.tasks,
        planned=results.planned,
        owed=results.owed,
        failed=results.failed,
        unknown=int(np.isnan(counted.results.scores).sum()),
    )
