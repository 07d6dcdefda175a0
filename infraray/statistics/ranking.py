"""The ranking of agents, followed by all tables, plots, files and comparisons.

Rows are ordered by mean score. An agent's rank is one more than the number of agents above it that the paired
comparison separates it from, and at least that of the row above; inseparable agents share a rank. Agents that lack
tasks which others have (because episodes are owed) rank below those that lack none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from infraray.statistics.comparisons import Comparisons
from infraray.statistics.intervals import Estimate
from infraray.statistics.task_scores import TaskScores


def order(results: TaskScores, scores: Sequence[Estimate], forfeits: Mapping[str, int]) -> list[int]:
    """Indices of the agents that have a score, best first; among equals, the one that forfeited less.

    Args:
        results: the scenario's episodes.
        scores: the agents' means over tasks.
        forfeits: the number of forfeited episodes by agent.
    """
    sign = -1 if results.score.higher_is_better else 1
    most = max((score.n for score in scores), default=0)

    def key(index: int) -> tuple[bool, float, int, str]:
        agent, score = results.agents[index], scores[index]
        return score.n < most, sign * score.value, forfeits.get(agent, 0), agent

    return sorted((index for index, score in enumerate(scores) if score.n), key=key)


def ranks(agents: Sequence[str], comparisons: Comparisons, forfeits: Mapping[str, int]) -> list[int]:
    """A rank for each agent, from 1.

    Args:
        agents: in their order.
        comparisons: between them; agents that were not compared count as apart.
        forfeits: the number of forfeited episodes by agent.
    """
    found: list[int] = []
    for position, agent in enumerate(agents):
        above = sum(_is_apart(other, agent, comparisons, forfeits) for other in agents[:position])
        found.append(max([1 + above, *found[-1:]]))
    return found


def _is_apart(above: str, below: str, comparisons: Comparisons, forfeits: Mapping[str, int]) -> bool:
    if (above, below) not in comparisons.pairs:
        return True
    found = comparisons.pairs[above, below]
    if found.verdict != "n/a":
        return found.verdict == "better"
    if found.difference.value == 0:
        return False
    # The means are all there is, and forfeits must not pay: see `infraray.statistics.comparisons`.
    return math.isnan(found.difference.value) or forfeits.get(above, 0) <= forfeits.get(below, 0)
