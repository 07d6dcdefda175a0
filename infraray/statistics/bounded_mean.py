"""The mean of a figure between 0 and 1, with an interval that covers it for any distribution and any number of values.

Failure rates near 0 or 1, and losses that are mostly 0 with a few in between, are where intervals that rely on
normality or on resampling are too short. This one bets: for each candidate mean, a gambler who knows only the values
before stakes a share of his capital on the next one being above it, another on its being below. Had the candidate
been the true mean, neither could expect to gain, so that a capital of ``1 / (1 - confidence)`` refutes it, whatever
the distribution (Ville's inequality). What is not refuted is the interval. It holds although it is looked at after
every value.

Source: Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, JRSS B 86 (1), 2024: the
hedged capital of theorem 3, with the predictable stakes of section 4.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from infraray.statistics.intervals import Estimate

CANDIDATES = 2000
"""Means that are tried, evenly from 0 to 1; the interval reaches to the next one that is refuted."""

MOST_STAKED = 0.75
"""Share of the capital that may be lost in one bet."""


def bounded_mean(values: Sequence[float], confidence: float) -> Estimate:
    """The mean of independent draws of one distribution, with an interval of at least this confidence.

    Args:
        values: from 0 to 1, in the order of the draws, which must not depend on the values.
        confidence: such as 0.95.

    Raises:
        ValueError: a value is not between 0 and 1.
    """
    x = np.asarray(values, np.float64)
    n = len(x)
    if n == 0:
        return Estimate(math.nan, math.nan, 0.0, 1.0, 0)
    if not ((x >= 0) & (x <= 1)).all():
        raise ValueError(f"values must be from 0 to 1, not {x[~((x >= 0) & (x <= 1))][0]}")
    before = np.arange(1, n + 1)
    means = (0.5 + np.cumsum(x)) / (before + 1)
    variances = (0.25 + np.cumsum((x - means) ** 2)) / (before + 1)
    # A stake depends on the values before it alone; before the first, the variance is taken for 1/4.
    known = np.concatenate([[0.25], variances[:-1]])
    stakes = np.sqrt(2 * math.log(2 / (1 - confidence)) / (n * known))[:, None]
    tried = ((np.arange(CANDIDATES) + 0.5) / CANDIDATES)[None, :]
    off = x[:, None] - tried
    above = np.cumsum(np.log1p(np.minimum(stakes, MOST_STAKED / tried) * off), axis=0)
    below = np.cumsum(np.log1p(-np.minimum(stakes, MOST_STAKED / (1 - tried)) * off), axis=0)
    capital = np.maximum(above, below).max(axis=0) - math.log(2)
    held = np.flatnonzero(capital < -math.log(1 - confidence))
    value = float(x.mean())
    sem = float(x.std(ddof=1) / math.sqrt(n)) if n > 1 else math.nan
    # From the first to the last that hold, and up to those beyond them, which do not.
    first, last = (int(held[0]), int(held[-1])) if len(held) else (int(value * CANDIDATES),) * 2
    low, high = max(0.0, (first - 0.5) / CANDIDATES), min(1.0, (last + 1.5) / CANDIDATES)
    return Estimate(value, sem, low, high, n)
