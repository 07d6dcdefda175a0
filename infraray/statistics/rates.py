"""Rates of binary outcomes, such as how often an agent was correct or safe.

With rate p over n tasks, SEM = sqrt(p (1 - p) / n). The 95 % interval is the normal one, p +- 1.96 SEM, where it can
be trusted; otherwise it is Wilson's,

    (p + z^2/2n +- z sqrt(p (1 - p)/n + z^2/4n^2)) / (1 + z^2/n),   z = 1.96,

which is used for fewer than 40 tasks, or fewer than 10 successes or failures. n counts tasks:
repetitions of one task are averaged into p and do not add to n, which makes the interval too wide rather than too
narrow.

Sources: Wilson, JASA 22, 1927; Brown, Cai and DasGupta, Statistical Science 16 (2), 2001.
"""

from __future__ import annotations

import math

from infraray.statistics.intervals import Estimate

Z = 1.959963984540054
"""The normal distribution's 0.975 quantile."""
SMALL_N = 40
FEW = 10


def estimate_rate(p: float, n: int) -> Estimate:
    """The rate ``p`` over ``n`` tasks with its SEM and 95 % interval, inside 0 to 1."""
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, math.nan, 0)
    sem = math.sqrt(p * (1 - p) / n)
    if n < SMALL_N or n * p < FEW or n * (1 - p) < FEW:
        shrink = 1 + Z**2 / n
        centre = (p + Z**2 / (2 * n)) / shrink
        half = Z * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2)) / shrink
    else:
        centre, half = p, Z * sem
    return Estimate(p, sem, max(0.0, centre - half), min(1.0, centre + half), n)
