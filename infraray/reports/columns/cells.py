"""Cells that several tables have."""

from __future__ import annotations

import math

from infraray.reports.columns.column import NOTHING, Cell
from infraray.reports.notation import UNKNOWN, interval, number, percent, printable
from infraray.statistics.intervals import Estimate
from infraray.statistics.verdict import Verdict


def name(text: str) -> Cell:
    """The name of a user, an agent or a scenario."""
    return Cell(printable(text), printable(text))


def rate(estimate: Estimate | None) -> Cell:
    """A share with its interval in percent."""
    if estimate is None:
        return NOTHING
    return Cell(
        percent(estimate.value), estimate.value, detail=f"[{100 * estimate.low:.0f}, {100 * estimate.high:.0f}]"
    )


def versus(difference: Estimate, verdict: Verdict, decimals: int) -> Cell:
    """A paired difference, its interval and the verdict."""
    size = number(difference.value, decimals, sign=True)
    if verdict == UNKNOWN:
        return Cell("" if size == UNKNOWN else size, math.nan, badge=UNKNOWN)
    return Cell(size, difference.value, badge=verdict, detail=interval(difference, decimals, sign=True))


def place(share: float) -> Cell:
    """A position between floor and bound."""
    return NOTHING if math.isnan(share) else Cell(percent(share), share, bar=min(max(share, 0.0), 1.0))
