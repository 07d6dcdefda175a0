"""The order of the paper's table, such that no failure improves it.

The paper counts a failed run as 1, like the reference itself, and keeps a speedup below 1 if a slower submission
passes; by these figures an agent with slow submissions would gain by failing. So agents are ordered by the same
geometric mean, but with a failed run at the worse of 1 and the slowest passing submission of anybody on its workload
and seed pair. If nobody passes below 1, as is usual, this is the paper's figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from infraray.scenarios.inference.scoring import BASELINE, ScoredRun, SubmissionStatus, aggregate_score

Cell = tuple[str, int]
"""A workload and a seed pair."""


def ranking_scores(runs: Mapping[str, Sequence[ScoredRun]]) -> dict[str, float]:
    """By agent, the score that orders the table.

    Args:
        runs: by agent, one for each workload, seed pair and repetition, failed ones included.

    Raises:
        InfrarayError: an agent's runs are not complete.
    """
    slowest: dict[Cell, float] = {}
    for run in (run for found in runs.values() for run in found):
        if run.outcome is SubmissionStatus.PASSED:
            cell = run.workload, run.seed_pair
            slowest[cell] = min(slowest.get(cell, BASELINE), run.speedup)
    return {
        agent: aggregate_score([_counted(run, slowest) for run in found]).aggregate.value
        for agent, found in runs.items()
    }


def failures(runs: Sequence[ScoredRun]) -> int:
    """The number of failed runs."""
    return sum(run.outcome is not SubmissionStatus.PASSED for run in runs)


def _counted(run: ScoredRun, slowest: Mapping[Cell, float]) -> ScoredRun:
    if run.outcome is SubmissionStatus.PASSED:
        return run
    worth = slowest.get((run.workload, run.seed_pair), BASELINE)
    return replace(run, outcome=SubmissionStatus.PASSED, speedup=worth)
