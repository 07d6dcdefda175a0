"""Paired comparisons: who beats whom on the same tasks.

Every agent plays the same tasks (common random numbers), so a difference is taken task by task,
after averaging repetitions, over the tasks that both have a score on; a forfeited one has one
(`infraray.statistics.forfeits`). Its interval is that of `infraray.statistics.intervals`. A difference whose 95 %
interval contains zero is called tied.

The intervals hold one by one; they are not widened for the number of pairs, and every table says so. A
correction such as Holm's would let the verdict on a pair depend on who else plays, contradict the interval
beside it, and reward: an agent that falls behind five others makes the bar higher for the sixth.

Of fewer than `BOOTSTRAP_FROM` tasks with a forfeit among them there is no verdict: one disaster would widen
Student's interval until everything is tied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from infraray.statistics.intervals import BOOTSTRAP_FROM, Estimate, TaskBootstrap
from infraray.statistics.task_scores import Booleans, TaskScores
from infraray.statistics.verdict import OPPOSITE, Verdict, judge

ALL_PAIRS_UP_TO = 100
"""Agents from the best on that meet everyone; further ones meet the best and the one above them."""
_CELLS_AT_ONCE = 250_000


@dataclass(frozen=True)
class Comparison:
    """One agent against another.

    Args:
        agent: who is judged.
        other: against whom.
        difference: score of ``agent`` minus score of ``other``, in score units, paired by task.
        verdict: of ``agent``; "n/a" where the tasks that are shared are too few.
    """

    agent: str
    other: str
    difference: Estimate
    verdict: Verdict

    def reversed(self) -> Comparison:
        """The same, seen from the other side."""
        return Comparison(self.other, self.agent, -self.difference, OPPOSITE[self.verdict])


@dataclass(frozen=True)
class Comparisons:
    """All pairs that were compared, each once, the higher ranked agent first.

    Args:
        pairs: by (higher ranked, lower ranked).
    """

    pairs: Mapping[tuple[str, str], Comparison]

    def __iter__(self) -> Iterator[Comparison]:
        return iter(self.pairs.values())

    def of(self, agent: str, other: str) -> Comparison:
        """``agent`` against ``other``, whichever is ranked higher.

        Raises:
            KeyError: the two were not compared.
        """
        if (agent, other) in self.pairs:
            return self.pairs[agent, other]
        return self.pairs[other, agent].reversed()


def compare(results: TaskScores, ranking: Sequence[int], bootstrap: TaskBootstrap, forfeited: Booleans) -> Comparisons:
    """Compares the agents of a scenario.

    Args:
        results: the scenario's episodes.
        ranking: indices of agents, best first.
        bootstrap: over the scenario's tasks.
        forfeited: for each row of the results, whether the episode was forfeited.
    """
    # Halves, so that a difference of large scores is a number; halving is exact.
    halves = results.task_means(results.scores)[list(ranking)]
    halves /= 2
    forfeits = results.task_means(np.where(forfeited, 1.0, 0.0))[list(ranking)] > 0
    span = (results.score.range[1] - results.score.range[0]) / 2
    names = [results.agents[index] for index in ranking]
    first, second = _pairs(len(names))
    pairs: dict[tuple[str, str], Comparison] = {}
    at_once = max(1, _CELLS_AT_ONCE // max(results.tasks, 1))
    for start in range(0, len(first), at_once):
        above, below = first[start : start + at_once], second[start : start + at_once]
        found = bootstrap.means(halves[above] - halves[below], within=(-span, span))
        for a, b, half in zip(above, below, found, strict=True):
            verdict = judge(half, results.score.higher_is_better)
            few = half.n < BOOTSTRAP_FROM and bool((forfeits[a] | forfeits[b]).any())
            # Only where episodes are owed can the tasks that two share contradict the order by all of them.
            if few or verdict == "worse":
                verdict = "n/a"
            pairs[names[a], names[b]] = Comparison(names[a], names[b], half.times(2), verdict)
    return Comparisons(pairs)


def _pairs(agents: int) -> tuple[list[int], list[int]]:
    """Positions in the ranking, (above, below)."""
    pairs = [(above, below) for below in range(min(agents, ALL_PAIRS_UP_TO)) for above in range(below)]
    for below in range(ALL_PAIRS_UP_TO, agents):
        pairs += [(0, below), (below - 1, below)]
    pairs.sort()
    return [above for above, _ in pairs], [below for _, below in pairs]
