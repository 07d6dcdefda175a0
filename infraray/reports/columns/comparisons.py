"""The columns of the paired comparisons."""

from __future__ import annotations

from dataclasses import dataclass

from infraray.reports.columns.cells import name
from infraray.reports.columns.column import Cell, Column
from infraray.reports.columns.leaderboard import NONE
from infraray.reports.notation import interval, number
from infraray.statistics.comparisons import Comparison


@dataclass(frozen=True)
class Line:
    """A pair's line.

    Args:
        scenario: the label of the scenario.
        pair: the two agents and their comparison.
        decimals: of differences in this table.
    """

    scenario: str
    pair: Comparison
    decimals: int = 0


COLUMNS: tuple[Column[Line], ...] = (
    Column("scenario", None, {"scenario": lambda line: line.scenario}),
    Column("agent", lambda line: name(line.pair.agent), {"agent": lambda line: line.pair.agent}, kind="name"),
    Column("other", lambda line: name(line.pair.other), {"other": lambda line: line.pair.other}, kind="name"),
    Column(
        "difference",
        lambda line: Cell(
            number(line.pair.difference.value, line.decimals, sign=True),
            line.pair.difference.value,
        ),
        {"difference": lambda line: line.pair.difference.value, "sem": lambda line: line.pair.difference.sem},
        hint="agent minus other",
    ),
    Column(
        "95 % interval",
        lambda line: Cell(interval(line.pair.difference, line.decimals, sign=True), line.pair.difference.low),
        {"low": lambda line: line.pair.difference.low, "high": lambda line: line.pair.difference.high},
    ),
    Column(
        "tasks",
        lambda line: Cell(f"{line.pair.difference.n:,}", line.pair.difference.n),
        {"tasks": lambda line: line.pair.difference.n},
        hint="that both have a score on",
    ),
    Column(
        "verdict",
        lambda line: Cell("", line.pair.verdict, badge=line.pair.verdict),
        {"verdict": lambda line: line.pair.verdict, "correction": lambda line: NONE},
        kind="word",
    ),
)
