"""Random times that fill a trace, for the generators whose segments are of unequal length."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SHORTEST_S = 1.0


def fill(total_s: float, means_s: tuple[float, ...], random: np.random.Generator) -> NDArray[np.float64]:
    """Exponential times with ``means_s`` in turn, at least a second each, the last one cut to the total length."""
    count = int(total_s / SHORTEST_S) + 1
    drawn = random.exponential(np.resize(means_s, count))
    times = np.maximum(drawn, SHORTEST_S)
    ends = np.cumsum(times)
    last = int(np.searchsorted(ends, total_s))
    times[last] -= ends[last] - total_s
    return times[: last + 1]
