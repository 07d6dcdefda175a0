"""Explanations of how to read the figures of a report, shared by the page and Markdown."""

from __future__ import annotations

from infraray.reports.columns.leaderboard import COLUMNS
from infraray.statistics.comparisons import ALL_PAIRS_UP_TO
from infraray.statistics.intervals import BOOTSTRAP_FROM

EXPLANATION = {
    **{column.term or str(column.heading): column.meaning for column in COLUMNS if column.meaning},
    "pairs": f"Everyone of the best {ALL_PAIRS_UP_TO} meets everyone; those further down meet the best and the row "
    "above them.",
    "n/a": f"Cannot be said: no score, a single task, fewer than {BOOTSTRAP_FROM} tasks of which one is forfeited "
    "(the means then decide the rank), or episodes that are owed.",
}
"""Term: a few sentences."""


def uncorrected(comparisons: int) -> str:
    """A caveat for readers of verdicts."""
    by_chance = 0.05 * comparisons
    expected = (
        f"in about {100 * by_chance:.0f} of 100 tables one would show a difference by chance"
        if by_chance < 0.75
        else f"about {'one' if by_chance < 1.5 else f'{by_chance:.0f}'} would show a difference by chance"
    )
    return (
        "Verdicts, and ranks that rest on them, hold one by one (95 %) and are not corrected for "
        f"{comparisons:,} comparisons: among equals {expected}."
    )
