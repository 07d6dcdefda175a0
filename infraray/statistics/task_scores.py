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

AT_ONCE = 65_536
"""Episodes whose figures are worked on at the same time."""


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
        shape = len(self.agents), self.tasks
        sums, counts = np.zeros(shape[0] * shape[1]), np.zeros(shape[0] * shape[1], np.int32)
        scale = scale_of(values)
        for start in range(0, len(values), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            there = ~np.isnan(values[some])
            cell = self.cells(some)[there]
            np.add.at(sums, cell, values[some][there] / scale)
            np.add.at(counts, cell, 1)
        sums[counts == 0] = np.nan
        np.divide(sums, counts, out=sums, where=counts > 0)
        sums *= scale
        return sums.reshape(shape)

    def cells(self, episodes: Booleans | slice) -> Integers:
        """For each of these episodes the place of its agent and task in an array of shape (agents, tasks)."""
        return self.agent[episodes].astype(np.int64) * self.tasks + self.task[episodes]
