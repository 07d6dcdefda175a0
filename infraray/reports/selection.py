"""The collected episodes that a report is about, laid out as agents by tasks.

A run's folder may hold more than its plan (`infraray.trajectories.planned`). Only what the present plan
asks for is compared; the rest is counted and reported.

Episodes are read once, some thousands at a time. Of each, only the few numbers that are compared task by task are
kept, `BYTES_PER_EPISODE` together; everything else is summed up while it is read (`infraray.reports.tallies`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from infraray.environment import INVALID_ACTION, Score
from infraray.reports.tallies import Tallies, numbers
from infraray.statistics.task_scores import Booleans, TaskScores
from infraray.trajectories.manifest import Manifest, PlannedScenario
from infraray.trajectories.planned import COLUMNS, PlannedEpisodes

Verdicts = NDArray[np.int8]
"""1 for true, 0 for false, `UNDEFINED` if a scenario does not say."""

UNDEFINED = -1

REPORTED = tuple(dict.fromkeys((*COLUMNS, "score", "floor", "bound", "correct", "safe", *Tallies.COLUMNS)))
"""Columns of the episodes that a report reads."""

_KEPT = {
    "agent": np.int32,
    "seed": np.int64,
    "score": np.float64,
    "floor": np.float64,
    "bound": np.float64,
    "finished": np.bool_,
    "ended": np.bool_,
    "correct": np.int8,
    "safe": np.int8,
}
BYTES_PER_EPISODE = sum(np.dtype(kind).itemsize for kind in _KEPT.values())


@dataclass(frozen=True)
class Results(TaskScores):
    """The planned episodes of one scenario that are collected.

    Args:
        label: the run's name for the scenario with these parameters.
        entry: the scenario's part of ``run.json``.
        score: the score's name, its unit, and which way is better.
        planned: the number of planned episodes.
        correct: for each episode, whether the task was solved.
        safe: for each episode, whether every step was safe.
        tallies: counts and sums per agent.
    """

    label: str
    entry: PlannedScenario
    score: Score
    planned: int
    correct: Verdicts
    safe: Verdicts
    tallies: Tallies

    @property
    def owed(self) -> int:
        """Planned episodes that are not collected yet."""
        return self.planned - len(self.agent)

    @property
    def failed(self) -> int:
        """Episodes that were given up."""
        return int(np.count_nonzero(~self.finished))


@dataclass(frozen=True)
class Selection:
    """The part of a run that is reported.

    Args:
        results: one for each planned scenario, in the plan's order.
        left_out: collected episodes that the present plan does not ask for.
    """

    results: tuple[Results, ...]
    left_out: int


def select(episodes: Iterable[pa.RecordBatch], manifest: Manifest) -> Selection:
    """Lays out the episodes that the run's present plan asks for; a study reports those of its trials itself.

    Args:
        episodes: with the columns `REPORTED`, each episode once.
        manifest: the run's.
    """
    planned = PlannedEpisodes(manifest.scenarios)
    shown = {label: entry for label, entry in manifest.scenarios.items() if entry.agents and not entry.of_search}
    collecting = {label: _Scenario(label, entry) for label, entry in shown.items()}
    left_out = 0
    for batch in episodes:
        for label, part in planned.by_label(batch):
            if label is None:
                left_out += part.num_rows
            elif label in collecting:
                collecting[label].add(part)
    return Selection(tuple(one.results() for one in collecting.values()), left_out)


class _Scenario:
    """The episodes of one scenario while they are read."""

    def __init__(self, label: str, entry: PlannedScenario) -> None:
        self.label = label
        self.entry = entry
        self.agents = entry.agents
        self.tallies = Tallies(len(self.agents))
        # They grow in place; a list of arrays would need as much memory again to become one.
        self._read = {name: bytearray() for name in _KEPT}

    def add(self, batch: pa.RecordBatch) -> None:
        """Keeps the numbers of episodes that are compared by task, and counts the rest."""
        agent = pc.index_in(batch["agent"], pa.array(self.agents, pa.string())).to_numpy(zero_copy_only=False)
        scores = numbers(batch["score"])
        finished = _where(pc.equal(batch["status"], "finished"))
        columns = {
            "agent": agent,
            "seed": batch["seed"].to_numpy(),
            "score": np.where(finished & np.isfinite(scores), scores, np.nan),
            "floor": numbers(batch["floor"]),
            "bound": numbers(batch["bound"]),
            "finished": finished,
            "ended": _where(pc.equal(batch["failure"], INVALID_ACTION)),
            **{name: pc.fill_null(pc.cast(batch[name], pa.int8()), UNDEFINED) for name in ("correct", "safe")},
        }
        for name, kind in _KEPT.items():
            self._read[name] += np.asarray(columns[name]).astype(kind).tobytes()
        self.tallies.add(agent.astype(np.int32), batch)

    def results(self) -> Results:
        """The whole, after which nothing can be added."""
        kept: dict[str, NDArray[Any]] = {
            name: np.frombuffer(self._read.pop(name), kind) for name, kind in _KEPT.items()
        }
        seeds = np.unique(kept["seed"])
        task = np.searchsorted(seeds, kept.pop("seed")).astype(np.int32)
        return Results(
            label=self.label,
            entry=self.entry,
            score=self.entry.score,
            agents=self.agents,
            tasks=len(seeds),
            planned=self.entry.owed_total,
            task=task,
            scores=kept.pop("score"),
            floors=kept.pop("floor"),
            bounds=kept.pop("bound"),
            tallies=self.tallies,
            **kept,
        )


def _where(condition: pa.Array) -> Booleans:
    """A condition on the episodes, null as false."""
    found: Booleans = pc.fill_null(condition, False).to_numpy(zero_copy_only=False)
    return found
