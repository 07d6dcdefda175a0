"""Which of the collected episodes a report is about, and their layout as agents by tasks.

A run's folder may hold more than its plan (`infraray.trajectories.planned`). Only what the present plan
asks for is compared, and each planned episode once; what is left out is counted and said.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from infraray.environment import Score
from infraray.statistics.magnitude import scale_of
from infraray.trajectories.planned import COLUMNS, PlannedEpisodes

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

ROWS_AT_ONCE = 4096
"""Episodes whose rows are Python objects at the same time."""


_SELECTED_BY = ("version", "level", "parameters", "options", "started_at")
"""What tells planned episodes where ``run.json`` keeps no digests, and the later of two that are the same one."""

_EVALUATED = (
    *("agent", "status", "score", "floor", "bound", "correct", "safe", "steps", "metrics"),
    *("wall_s", "input_tokens", "output_tokens", "failure", "extra"),
)

REPORTED = tuple(dict.fromkeys((*COLUMNS, *_SELECTED_BY, *_EVALUATED)))
"""Columns of the episodes that a report reads: the others would be most of its memory."""


@dataclass(frozen=True)
class Results:
    """The planned episodes of one scenario that are collected, one row each.

    Args:
        label: what the run calls the scenario with these parameters.
        entry: the scenario's part of ``run.json``.
        score: what the score is called, its unit, and which way is better.
        agents: every planned agent, in the plan's order.
        tasks: how many tasks have at least one episode.
        planned: how many episodes are planned.
        table: the episodes, with the columns that are evaluated.
        agent: for each row, an index into ``agents``.
        task: for each row, the number of its task.
        scores: for each row, the score; NaN where the episode failed or has none.
    """

    label: str
    entry: Mapping[str, Any]
    score: Score
    agents: tuple[str, ...]
    tasks: int
    planned: int
    table: pa.Table
    agent: Integers
    task: Integers
    scores: Floats

    @property
    def owed(self) -> int:
        """Planned episodes that are not collected yet."""
        return self.planned - len(self.agent)

    @property
    def failed(self) -> int:
        """Episodes that were given up."""
        return int(np.count_nonzero(self.where(pc.equal(self.table["status"], "failed"))))

    def column(self, name: str) -> Floats:
        """A numeric or boolean column, null as NaN."""
        return _numbers(self.table[name])

    def where(self, condition: pa.ChunkedArray) -> Booleans:
        """A condition on the rows, null as false."""
        found: Booleans = pc.fill_null(condition, False).to_numpy()
        return found

    def count(self, rows: Booleans) -> Integers:
        """How many of these rows each agent has."""
        return np.bincount(self.agent[rows], minlength=len(self.agents))

    def sum(self, values: Floats) -> Floats:
        """The sum of the values that are not NaN, per agent."""
        sums = np.bincount(self.agent, np.nan_to_num(values, nan=0.0), minlength=len(self.agents))
        return sums.astype(np.float64)

    def mean(self, values: Floats) -> Floats:
        """The mean of the values that are not NaN, per agent; NaN for an agent without any."""
        return _divide(self.sum(values), self.count(~np.isnan(values)))

    def task_means(self, values: Floats) -> Floats:
        """The mean over repetitions, shape (agents, tasks); NaN where an agent has no value on a task."""
        cell = self.agent * self.tasks + self.task
        there = ~np.isnan(values)
        shape = len(self.agents), self.tasks
        scale = scale_of(values)
        sums = np.bincount(cell[there], values[there] / scale, minlength=shape[0] * shape[1]).astype(np.float64)
        counts = np.bincount(cell[there], minlength=shape[0] * shape[1])
        return (_divide(sums, counts) * scale).reshape(shape)


@dataclass(frozen=True)
class Selection:
    """What of a run is reported.

    Args:
        results: one for each planned scenario, in the plan's order.
        left_out: collected episodes that the present plan does not ask for.
    """

    results: tuple[Results, ...]
    left_out: int


def select(episodes: pa.Table, manifest: Mapping[str, Any], beside: Sequence[str] = ()) -> Selection:
    """Lays out the episodes that the run's present plan asks for.

    Args:
        episodes: with the columns `REPORTED`.
        manifest: the run's.
        beside: columns of these that the results keep beside those that are evaluated.
    """
    scenarios = manifest["scenarios"]
    planned = PlannedEpisodes(scenarios)
    episodes = episodes.select(REPORTED)
    batches = episodes.select(COLUMNS).to_batches(max_chunksize=ROWS_AT_ONCE)
    labels = pa.chunked_array(
        [
            pa.array([planned.label(row) for row in batch.to_pylist()], pa.string()).dictionary_encode()
            for batch in batches
        ],
        pa.dictionary(pa.int32(), pa.string()),
    )
    results = tuple(
        _select_scenario(_where(episodes, pc.equal(labels, label)), label, entry, beside)
        for label, entry in scenarios.items()
    )
    return Selection(results, episodes.num_rows - sum(len(found.agent) for found in results))


def _where(table: pa.Table, condition: pa.ChunkedArray) -> pa.Table:
    """The rows of which it is true; where it is true of all, the table itself and no copy."""
    return table if pc.all(condition, skip_nulls=False).as_py() else table.filter(condition)


def _select_scenario(table: pa.Table, label: str, entry: Mapping[str, Any], beside: Sequence[str]) -> Results:
    agents = tuple(entry["agents"])
    if "digests" not in entry:
        table = table.filter(_planned_by_columns(table, entry))
    agent = pc.index_in(table["agent"], pa.array(agents, pa.string())).to_numpy().astype(np.int64)
    seeds_played, task = np.unique(table["seed"].to_numpy(), return_inverse=True)
    latest = _latest(agent, task, table["repetition"].to_numpy(), table["started_at"])
    if latest is not None:
        table, agent, task = table.take(latest), agent[latest], task[latest]
    table = table.select((*_EVALUATED, *beside))
    scores = _numbers(table["score"])
    finished = pc.fill_null(pc.equal(table["status"], "finished"), False).to_numpy()
    scores = np.where(finished & np.isfinite(scores), scores, np.nan)
    return Results(
        label,
        entry,
        Score(**entry["score"]),
        agents,
        len(seeds_played),
        entry["owed_total"],
        table,
        agent,
        task,
        scores,
    )


def _planned_by_columns(table: pa.Table, entry: Mapping[str, Any]) -> pa.ChunkedArray:
    """What an earlier version's ``run.json`` asks for, which keeps no digests: all that the columns can tell."""
    planned = pc.and_(
        pc.and_(pc.equal(table["version"], entry["version"]), pc.equal(table["level"], entry["level"])),
        pc.and_(_equal_json(table["parameters"], entry["parameters"]), _equal_json(table["options"], entry["options"])),
    )
    for condition in (
        pc.is_in(table["agent"], pa.array(entry["agents"], pa.string())),
        _planned_seeds(table["seed"], entry["seeds"]),
        pc.less(table["repetition"], entry["repetitions"]),
    ):
        planned = pc.and_(planned, condition)
    return planned


def _equal_json(column: pa.ChunkedArray, wanted: Any) -> pa.ChunkedArray:
    """Whether a JSON column says the same as plain data; each distinct text is read once."""
    distinct = pc.unique(column)
    same = [text for text in distinct.to_pylist() if text is not None and json.loads(text) == wanted]
    return pc.is_in(column, pa.array(same, pa.string()))


def _planned_seeds(column: pa.ChunkedArray, seeds: Any) -> pa.ChunkedArray:
    if isinstance(seeds, Mapping):
        return pc.and_(pc.greater_equal(column, seeds["start"]), pc.less(column, seeds["stop"]))
    return pc.is_in(column, pa.array(seeds, pa.int64()))


def _latest(agent: Integers, task: Integers, repetition: Integers, started_at: pa.ChunkedArray) -> Integers | None:
    """Of episodes that are there twice, as earlier versions could bring about, the latest; None where none is.

    Args:
        agent: index of the agent, per row.
        task: number of the task, per row.
        repetition: counts from 0, per row.
        started_at: when the episode began, per row.
    """
    if not len(agent):
        return None
    cell = (agent * (task.max() + 1) + task) * (int(repetition.max()) + 1) + repetition
    if len(np.unique(cell)) == len(cell):
        return None
    order = np.lexsort((pc.cast(started_at, pa.int64()).to_numpy(), cell))
    last = np.append(np.diff(cell[order]) != 0, True)
    return np.sort(order[last])


def _numbers(column: pa.ChunkedArray) -> Floats:
    numbers: Floats = pc.fill_null(pc.cast(column, pa.float64()), np.nan).to_numpy()
    return numbers


def _divide(sums: Floats, counts: Integers) -> Floats:
    means: Floats = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return means
