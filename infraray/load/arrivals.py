"""When requests are due, in seconds from the start of the measurement."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from infraray.load.workloads import Traffic


def arrival_times(traffic: Traffic, count: int, seed: int) -> NDArray[np.float64]:
    """Due times in s, rising, of shape ``(count,)``; equal seeds give equal times.

    - burst: all at 0;
    - poisson: gaps are exponential with mean 1/rate;
    - constant: the i-th request, from 0, is due at i/rate.

    The first request is due at 0 in each, so that the duration holds no idle time at its start.
    InferenceBench (appendix A.3) has the same three, but drew its Poisson gaps without a seed.
    """
    if traffic.rate is None:
        return np.zeros(count)
    if traffic.arrivals == "constant":
        return np.arange(count) / traffic.rate
    gaps = np.random.default_rng([seed, 0xA221]).exponential(1 / traffic.rate, count)
    times: NDArray[np.float64] = np.cumsum(gaps) - gaps[0]
    return times
