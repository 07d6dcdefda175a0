"""Notation of figures and names: as many digits as the uncertainty warrants."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import median_high

from infraray.statistics.intervals import Estimate

UNKNOWN = "n/a"


def decimals_for(estimates: Iterable[Estimate]) -> int:
    """Decimals for a column, such that the typical standard error has two significant digits."""
    found = list(estimates)
    sems = [estimate.sem for estimate in found if 0 < estimate.sem < math.inf]
    if sems:
        leading = math.floor(math.log10(median_high(sems)))
        return min(max(1 - leading, 0), 9)
    sizes = [abs(estimate.value) for estimate in found if 0 < abs(estimate.value) < math.inf]
    return min(max(3 - math.floor(math.log10(max(sizes))), 0), 9) if sizes else 0


def number(value: float, decimals: int, sign: bool = False) -> str:
    """A number, grouped by thousands; very large and very small ones with an exponent."""
    if math.isnan(value):
        return UNKNOWN
    plus = "+" if sign else ""
    if math.isinf(value) or abs(value) >= 1e9 or (value != 0 and abs(value) < 0.5 * 10.0**-decimals and decimals >= 9):
        return f"{value:{plus}.3g}"
    text = f"{value:{plus},.{decimals}f}"
    return text.replace("-", "") if float(text.replace(",", "")) == 0 else text


def plain(value: float) -> str:
    """A number on its own with four significant digits."""
    return number(value, decimals_for([Estimate(value, math.nan, math.nan, math.nan, 1)]))


def interval(estimate: Estimate, decimals: int, sign: bool = False) -> str:
    """``[low, high]``."""
    if math.isnan(estimate.low):
        return UNKNOWN
    return f"[{number(estimate.low, decimals, sign)}, {number(estimate.high, decimals, sign)}]"


def percent(value: float) -> str:
    """A share as a percentage with one decimal."""
    return UNKNOWN if math.isnan(value) else f"{number(100 * value, 1)} %"


def duration(seconds: float) -> str:
    """Seconds in the unit that a reader would choose."""
    if math.isnan(seconds):
        return UNKNOWN
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    if seconds < 1:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    if seconds < 7200:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def count_of(count: int, noun: str) -> str:
    """``1 episode``, ``2,000 episodes``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def printable(text: str) -> str:
    """Text in one line, without the control characters that an agent or an error may have put into it."""
    line = " ".join(text.split())
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line)


def shortened(text: str, length: int) -> str:
    """Text with its middle left out if it is longer than ``length``."""
    text = printable(text)
    if len(text) <= length:
        return text
    head = (length - 1) * 2 // 3
    return f"{text[:head]}…{text[len(text) - (length - 1 - head) :]}"
