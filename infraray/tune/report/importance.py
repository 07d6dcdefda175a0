"""How much each hyperparameter matters, in the region that was searched.

A random forest learns the score from the trials; a hyperparameter's importance is its total effect on
the forest's answer, interactions included: the share of the answer's variance over the space that is
left where all others are known (Sobol's total-effect index, estimated as Jansen, 1999; on forests,
Hutter, Hoos and Leyton-Brown, ICML 2014). A hyperparameter that is inactive has no effect; one that
makes others active has theirs too. For the forest, what is inactive stands at its default.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infraray.space.sampling import redraw, sample
from infraray.space.search_space import SearchSpace
from infraray.space.values import Configuration
from infraray.statistics.magnitude import scale_of

LEAST_TRIALS = 10
TREES = 200
POINTS = 1024
"""Of the space, for the variance of the forest's answer."""


@dataclass(frozen=True)
class Importance:
    """Importances.

    Args:
        shares: by hyperparameter, the most important first; empty where nothing can be said.
        explained: share of the scores' variance that the forest explains on trials it did not learn from;
            near or below 0, the shares mean nothing.
        remark: what they rest on, or why there are none.
    """

    shares: dict[str, float]
    explained: float
    remark: str


def find_importance(space: SearchSpace, trials: Sequence[tuple[Configuration, int, float]]) -> Importance:
    """Importances from trials as (configuration, budget, score); those of the budget with the most scores count."""
    scored = [(configuration, budget, score) for configuration, budget, score in trials if math.isfinite(score)]
    counts = Counter(budget for _, budget, _ in scored)
    budget = max(counts, key=lambda one: (counts[one], one), default=0)
    if counts[budget] < LEAST_TRIALS:
        return Importance({}, math.nan, f"needs {LEAST_TRIALS} trials with a score on the same budget")
    try:
        from sklearn.ensemble import RandomForestRegressor
    except ImportError:
        return Importance({}, math.nan, "needs scikit-learn; pip install 'infraray[search]'")
    points = np.array([_encoded(space, configuration) for configuration, one, _ in scored if one == budget])
    scores = np.array([score for _, one, score in scored if one == budget])
    if np.all(scores == scores[0]):
        return Importance({}, math.nan, "all scores are equal")
    scores /= scale_of(scores)  # shares have no unit, and squares of large scores no number
    forest = RandomForestRegressor(TREES, min_samples_leaf=2, oob_score=True, random_state=0).fit(points, scores)
    random = np.random.default_rng(0)
    drawn = [sample(space, random) for _ in range(POINTS)]

    def answer(configurations: Sequence[Configuration]) -> NDArray[np.float64]:
        answers: NDArray[np.float64] = forest.predict(np.array([_encoded(space, one) for one in configurations]))
        return answers

    answers = answer(drawn)
    variance = float(answers.var())
    shares = {}
    for dimension in space.hyperparameters:
        others = answer([redraw(space, one, dimension.name, random) for one in drawn])
        effect = float(((answers - others) ** 2).mean()) / 2
        shares[dimension.name] = effect / variance if variance > 0 else 0.0
    remark = f"from {len(scores)} trials"
    ranked = dict(sorted(shares.items(), key=lambda item: -item[1]))
    return Importance(ranked, float(forest.oob_score_), remark)


def _encoded(space: SearchSpace, configuration: Configuration) -> list[float]:
    return [
        dimension.position(configuration.get(dimension.name, dimension.default)) for dimension in space.hyperparameters
    ]
