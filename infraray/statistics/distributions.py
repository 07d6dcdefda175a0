"""The distribution of an agent's scores: quantiles over its episodes, including forfeited ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infraray.statistics.magnitude import mean, scale_of
from infraray.statistics.task_scores import Floats, TaskScores

LEVELS = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
"""The quantiles' levels: minimum, 5 %, quartiles and median, 95 %, maximum."""


@dataclass(frozen=True)
class Distribution:
    """The distribution of one agent's scores.

    Args:
        agent: its spec.
        episodes: the number of episodes with a score.
        quantiles: at `LEVELS`, in score units.
        mean: over episodes, in score units.
        points: up to `MAX_POINTS` scores, evenly spaced in rank, in score units.
    """

    agent: str
    episodes: int
    quantiles: tuple[float, ...]
    mean: float
    points: tuple[float, ...]


MAX_POINTS = 60


def score_distributions(results: TaskScores) -> dict[str, Distribution]:
    """One distribution for each agent that has a score."""
    known = ~np.isnan(results.scores)
    order = np.lexsort((results.scores[known], results.agent[known]))
    agent, scores = results.agent[known][order], results.scores[known][order]
    ends = np.searchsorted(agent, np.arange(len(results.agents) + 1))
    return {
        name: _describe(name, scores[start:end])
        for name, start, end in zip(results.agents, ends[:-1], ends[1:], strict=True)
        if end > start
    }


def _describe(agent: str, scores: Floats) -> Distribution:
    if len(scores) <= MAX_POINTS:
        points = scores
    else:
        points = scores[np.linspace(0, len(scores) - 1, MAX_POINTS).round().astype(np.int64)]
    scale = scale_of(scores)
    quantiles = tuple((np.quantile(scores / scale, LEVELS) * scale).tolist())
    return Distribution(agent, len(scores), quantiles, mean(scores), tuple(points.tolist()))
