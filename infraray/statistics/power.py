"""The number of seeds it would take to tell two agents apart.

For a paired difference with mean d and standard deviation s over tasks, a two-sided test at 5 % finds it
with probability `POWER` from

    n = ((t(0.975, n-1) + t(0.8, n-1)) s / d)^2

tasks on. The measured difference is taken at face value, which is a rough guess for tied agents.

Source: Cohen, Statistical Power Analysis for the Behavioral Sciences, 2nd ed. 1988, section 2.4 (paired t).
"""

from __future__ import annotations

import math
from bisect import bisect_left

from infraray.statistics.intervals import Estimate
from infraray.statistics.student_t import t_quantile

POWER = 0.8
MOST = 1_000_000
"""More seeds than anybody would try."""


def seeds_to_separate(difference: Estimate) -> int | None:
    """The number of tasks that would reveal the difference; None for no difference or for more than `MOST`."""
    if difference.n < 2 or not (0 < difference.sem < math.inf) or difference.value == 0:
        return None
    ratio = difference.sem / abs(difference.value) * math.sqrt(difference.n)

    def is_enough(n: int) -> bool:
        return n >= ((t_quantile(0.975, n - 1) + t_quantile(POWER, n - 1)) * ratio) ** 2

    if not is_enough(MOST):
        return None
    return bisect_left(range(MOST), True, lo=2, key=is_enough)


def about(seeds: int) -> str:
    """``about 140``: two significant digits, rounded up."""
    step = 10 ** max(len(str(seeds)) - 2, 0)
    return f"about {-(-seeds // step) * step:,}"
