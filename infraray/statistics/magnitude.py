"""Sums that do not overflow: a scenario's figures may be as large as 1e308.

Dividing by a power of two is exact, so a sum of scaled figures has the digits of the plain one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def scale_of(values: NDArray[np.float64], axis: int | None = None) -> NDArray[np.float64]:
    """The power of two that scales the largest figure to between 1 and 2 in magnitude; 1 if all are 0.

    Args:
        values: any figures; non-finite ones are ignored.
        axis: the axis along which to compute scales; it is kept with length 1.
    """
    sizes = np.abs(values)
    sizes[~np.isfinite(sizes)] = 0.0
    largest = sizes.max(axis=axis, keepdims=axis is not None, initial=0.0)
    exponent = np.frexp(largest)[1] - 1
    return np.ldexp(1.0, np.where(largest > 0, exponent, 0))


def mean(values: Sequence[float] | NDArray[np.float64]) -> float:
    """The mean of figures of any magnitude; NaN if there are none."""
    figures = np.asarray(values, dtype=np.float64)
    if not figures.size:
        return math.nan
    scale = scale_of(figures)
    return float((figures / scale).mean() * scale)
