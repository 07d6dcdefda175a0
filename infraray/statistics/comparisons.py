"""Paired comparisons: who beats whom on the same tasks.

Every agent plays the same tasks (common random numbers), so differences are taken task by task, after averaging
repetitions, over the tasks on which both have a score; forfeited tasks have one too (`infraray.statistics.forfeits`).
Its interval is that of `infraray.statistics.intervals`. A difference whose 95 %
interval contains zero is called tied.

Each interval holds individually; they are not widened for the number of pairs, and every table says so. With a
correction such as Holm's, the verdict on a pair would depend on who else plays and contradict the interval beside it,
and failure would pay: an agent that falls behind five others raises the bar for the sixth.

With fewer than `BOOTSTRAP_FROM` tasks and a forfeit among them there is no verdict: one disaster would widen Student's
interval until everything is tied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from infraray.statistics.intervals import BOOTSTRAP_FROM, Estimate, TaskBootstrap
from infraray.statistics.task_scores import Booleans, TaskScores
from infraray.statistics.verdict import OPPOSITE, Verdict, judge

ALL_PAIRS_UP_TO = 100
"""The number of top agents compared with everyone; the rest are compared with the best and the one above them."""
_CELLS_AT_ONCE = 250_000


@dataclass(frozen=True)
class Comparison:
    """One agent against another.

    Args:
        agent: the agent being judged.
        other: the agent it is compared with.
        difference: score of ``agent`` minus score of ``other``, in score units, paired by task.
        verdict: on ``agent``; "n/a" if the two share too few tasks.
    """

    agent: str
    other: str
    difference: Estimate
    verdict: Verdict

    def reversed(self) -> Comparison:
        """The same comparison, seen from the other side."""
        return Comparison(self.other, self.agent, -self.difference, OPPOSITE[self.verdict])


@dataclass(frozen=True)
class Comparisons:
    """All compared pairs, each once, with the higher-ranked agent first.

    Args:
        pairs: comparisons by (higher ranked, lower ranked).
    """

    pairs: Mapping[tuple[str, str], Comparison]

    def __iter__(self) -> Iterator[Comparison]:
        return iter(self.pairs.values())

    def of(self, agent: str, other: str) -> Comparison:
        """The comparison of ``agent`` with ``other``, whichever is ranked higher.

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
        bootstrap: resamples of the scenario's tasks.
        forfeited: for each row of the results, whether the episode was forfeited.
    """
    # Halved, so that the difference of large scores does not overflow; halving is exact.
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
            # Only while episodes are owed can the shared tasks contradict the order over all tasks.
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
