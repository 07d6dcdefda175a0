"""Sums that do not overflow: figures are what a scenario says, up to 1e308.

Dividing by a power of two is exact, so a sum of scaled figures has the digits of the plain one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def scale_of(values: NDArray[np.float64], axis: int | None = None) -> NDArray[np.float64]:
    """A power of two by which the largest figure is between 1 and 2 in size; 1 where there is none but 0.

    Args:
        values: any figures; those that are not finite do not count.
        axis: along which one scale each is wanted; it is kept with length 1.
    """
    sizes = np.abs(values)
    sizes[~np.isfinite(sizes)] = 0.0
    largest = sizes.max(axis=axis, keepdims=axis is not None, initial=0.0)
    exponent = np.frexp(largest)[1] - 1
    return np.ldexp(1.0, np.where(largest > 0, exponent, 0))


def mean(values: Sequence[float] | NDArray[np.float64]) -> float:
    """The mean of figures of any size; NaN of none."""
    figures = np.asarray(values, dtype=np.float64)
    if not figures.size:
        return math.nan
    scale = scale_of(figures)
    return float((figures / scale).mean() * scale)
