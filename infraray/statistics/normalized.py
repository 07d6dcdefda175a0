"""A score between the floor and the bound of its task."""

from __future__ import annotations

import math


def normalized(score: float, floor: float, bound: float, higher_is_better: bool) -> float:
    """0 at the floor, 1 at the bound; NaN if one is missing, or the bound is not better than the floor.

    Both are those of the part that was played, in which luck may put the random agent above the best that is known; a
    score between them would then count backwards.
    """
    span = bound - floor
    gain = span if higher_is_better else -span
    return (score - floor) / span if math.isfinite(span) and gain > 0 else math.nan
