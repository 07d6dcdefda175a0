"""Which configuration a study calls the best: what the evaluation seeds make of those that did best in the search.

The best of many on the development seeds is partly the luckiest. It counts if it did not fail on the
evaluation seeds, and if the defaults are not better there by the paired comparison; so the best is never
worse than the defaults beside it in the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from infraray.environment import Score
from infraray.statistics.intervals import Estimate, TaskBootstrap
from infraray.statistics.verdict import Verdict, judge
from infraray.tune.evaluation import Evaluation

CANDIDATES = 3
"""How many of the best configurations are tried in turn where one does not hold."""


def compare_seeds(samples: Sequence[float], others: Sequence[float], score: Score) -> tuple[Estimate | None, Verdict]:
    """The mean of the differences, paired by seed, and what it says; None where the seeds are not the same ones.

    Args:
        samples: scores, one a seed.
        others: those from which the difference is taken.
        score: what was measured.
    """
    if not others or len(samples) != len(others):
        return None, "n/a"
    # Halves, so that a difference of large scores is a number; halving is exact.
    halves = np.array(samples, dtype=float) / 2 - np.array(others, dtype=float) / 2
    span = (score.range[1] - score.range[0]) / 2
    (half,) = TaskBootstrap(len(halves)).means(halves[None], (-span, span))
    return half.times(2), judge(half, score.higher_is_better)


def stands(evaluation: Evaluation, defaults: Evaluation | None, score: Score) -> bool:
    """Whether a configuration stands on the evaluation seeds.

    Args:
        evaluation: of the configuration, there.
        defaults: of the defaults, there; None where they are not measured.
        score: what was measured.
    """
    if evaluation.failure is not None:
        return False
    if defaults is None or defaults.failure is not None:
        return True
    return compare_seeds(evaluation.samples, defaults.samples, score)[1] != "worse"


def judge_candidates(ranking: Sequence[str], passed: Mapping[str, bool]) -> dict[str, Literal["refused", "best"]]:
    """What the evaluation seeds made of the best configurations.

    Args:
        ranking: the configurations' keys, the best on the development seeds first.
        passed: by key, whether what was measured on the evaluation seeds `stands` there.

    Returns:
        The first of the ranking that passed is the best; the candidates before it are refused. There is no best
        while a candidate before it is not measured. One that is not a candidate counts where it was measured
        anyway, as the defaults are.
    """
    roles: dict[str, Literal["refused", "best"]] = {}
    for rank, key in enumerate(ranking):
        if passed.get(key):
            roles[key] = "best"
            break
        if rank < CANDIDATES:
            if key not in passed:
                break
            roles[key] = "refused"
    return roles
