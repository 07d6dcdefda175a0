"""Due times of requests, in seconds from the start of the measurement."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from infraray.load.workloads import Traffic


def arrival_times(traffic: Traffic, count: int, seed: int) -> NDArray[np.float64]:
    """Due times in s, ascending, of shape ``(count,)``; equal seeds give equal times.

    - burst: all are at 0;
    - poisson: gaps are exponential with mean 1/rate;
    - constant: the i-th request, from 0, is due at i/rate.

    The first request is always due at 0, so the duration does not start with idle time.
    InferenceBench (appendix A.3) has the same three but draws its Poisson gaps without a seed.
    """
    if traffic.rate is None:
        return np.zeros(count)
    if traffic.arrivals == "constant":
        return np.arange(count) / traffic.rate
    gaps = np.random.default_rng([seed, 0xA221]).exponential(1 / traffic.rate, count)
    times: NDArray[np.float64] = np.cumsum(gaps) - gaps[0]
    return times
