"""The scores of agents on tasks: what comparisons, ranks and intervals are of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from infraray.statistics.magnitude import scale_of

Floats = NDArray[np.float64]
Indices = NDArray[np.int32]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


class Scale(Protocol):
    """Which way a score is better, and within which limits."""

    @property
    def higher_is_better(self) -> bool:
        """Which way."""

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest value, infinite where there is no limit."""


@dataclass(frozen=True)
class TaskScores:
    """Episodes of some agents on the same tasks, in arrays with an entry each.

    Args:
        score: which way is better.
        agents: every agent.
        tasks: how many tasks have at least one episode.
        agent: an index into ``agents``.
        task: the number of the task.
        scores: the score; NaN where the episode failed or has none.
        floors: the random agent's score on the task; NaN where unknown.
        bounds: the best score known or provable; NaN where unknown.
        finished: whether it was played to its end, not given up.
        ended: whether an invalid answer ended it.
    """

    score: Scale
    agents: tuple[str, ...]
    tasks: int
    agent: Indices
    task: Indices
    scores: Floats
    floors: Floats
    bounds: Floats
    finished: Booleans
    ended: Booleans

    def count(self, episodes: Booleans) -> Integers:
        """How many of these episodes each agent has."""
        return np.bincount(self.agent[episodes], minlength=len(self.agents))

    def task_means(self, values: Floats) -> Floats:
        """The mean over repetitions, shape (agents, tasks); NaN where an agent has no value on a task."""
        there = ~np.isnan(values)
        cell = self.cells(there)
        shape = len(self.agents), self.tasks
        scale = scale_of(values)
        sums = np.bincount(cell, values[there] / scale, minlength=shape[0] * shape[1]).astype(np.float64, copy=False)
        counts = np.bincount(cell, minlength=shape[0] * shape[1])
        means: Floats = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
        means *= scale
        return means.reshape(shape)

    def cells(self, episodes: Booleans) -> Integers:
        """For each of these episodes the place of its agent and task in an array of shape (agents, tasks)."""
        return self.agent[episodes].astype(np.int64) * self.tasks + self.task[episodes]
