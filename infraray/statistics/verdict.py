"""The verdict on a paired difference: better, worse, or tied if its 95 % interval contains zero."""

from __future__ import annotations

import math
from typing import Literal

from infraray.statistics.intervals import Estimate

Verdict = Literal["better", "worse", "tied", "n/a"]
OPPOSITE: dict[Verdict, Verdict] = {"better": "worse", "worse": "better", "tied": "tied", "n/a": "n/a"}


def judge(difference: Estimate, higher_is_better: bool) -> Verdict:
    """Judges the agent from whose score the other's was subtracted."""
    if math.isnan(difference.low) or math.isnan(difference.high):
        return "n/a"
    if difference.low <= 0 <= difference.high:
        return "tied"
    return "better" if (difference.value > 0) == higher_is_better else "worse"
