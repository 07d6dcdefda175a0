"""The scores of agents on tasks, the input to comparisons, ranks and intervals."""

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
"""Episodes processed at the same time."""


class Scale(Protocol):
    """The direction and the range of a score."""

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher score is better."""

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest possible value, infinite if there is no limit."""


@dataclass(frozen=True)
class TaskScores:
    """Episodes of several agents on the same tasks, as arrays with one entry per episode.

    Args:
        score: the direction and the range of the score.
        agents: every agent.
        tasks: the number of tasks with at least one episode.
        agent: the index into ``agents``.
        task: the index of the task.
        scores: the score; NaN if the episode failed or has none.
        floors: the random agent's score on the task; NaN if unknown.
        bounds: the best score known or provable; NaN if unknown.
        finished: whether it was played to its end rather than given up.
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
        """The number of these episodes per agent."""
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
        """The flat index of each episode's agent and task in an array of shape (agents, tasks)."""
        return self.agent[episodes].astype(np.int64) * self.tasks + self.task[episodes]
