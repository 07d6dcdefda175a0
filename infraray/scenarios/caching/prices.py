"""An upper bound on how many intervals fit, by prices for room.

Let x_k in [0, 1] say how much of interval k is kept; this relaxation is that of FOO (Berger,
Beckmann and Harchol-Balter, SIGMETRICS 2018). With sizes as shares of the capacity, for any prices
p_t >= 0 of the whole capacity at moment t,

    sum_k x_k  <=  sum_k x_k + sum_t p_t (1 - sum over k at t of size_k x_k)
               <=  sum_t p_t + sum_k max(0, 1 - size_k * sum of p_t over k's moments),

the first because no moment is overfull, the second because 0 <= x_k <= 1. The last line does not contain x, so it
bounds every sequence of decisions for *every* choice of prices: the search for good ones (subgradient steps) may stop
anywhere, and its rounding errors do no harm beyond those of evaluating the line. It starts from zero prices, which
give the number of intervals.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STEPS = 300
STALLED = 10
"""Steps without progress after which the search goes back to its best prices and takes shorter steps."""


def least_dual(starts: NDArray[np.int64], ends: NDArray[np.int64], shares: NDArray[np.float64]) -> float:
    """The last line above, in hits, for the best prices found in `STEPS` steps.

    Args:
        starts: first moments, shape ``(intervals,)``.
        ends: the moments after the last ones, shape ``(intervals,)``.
        shares: sizes as shares of the capacity, shape ``(intervals,)``.
    """
    moments = int(ends.max())
    best = float(len(shares))
    prices = best_prices = np.full(moments, _even_price(shares * (ends - starts), moments))
    step, stalled = 0.01, 0
    paid = np.zeros(moments + 1)
    for _ in range(STEPS):
        np.cumsum(prices, out=paid[1:])
        gains = 1 - shares * (paid[ends] - paid[starts])
        worth = gains > 0
        value = float(prices.sum() + gains[worth].sum())
        stalled += 1
        if value < best - 1e-4:
            best, best_prices, stalled = value, prices, 0
        elif stalled > STALLED:
            step, stalled, prices = step / 2, 0, best_prices
            continue
        kept = np.where(worth, shares, 0.0)
        change = np.bincount(starts, kept, moments + 1) - np.bincount(ends, kept, moments + 1)
        slope = 1 - np.cumsum(change)[:moments]
        slope[(prices <= 0) & (slope > 0)] = 0
        steepness = (slope * slope).sum()
        if steepness == 0:
            break
        prices = np.maximum(prices - step * value / steepness * slope, 0.0)
    return best


def _even_price(areas: NDArray[np.float64], moments: int) -> float:
    """The best price that is the same at all moments: that of a fractional knapsack of space-time."""
    areas = np.sort(areas)
    first_too_many = int(np.searchsorted(np.cumsum(areas), moments))
    return 1 / float(areas[min(first_too_many, len(areas) - 1)])
