"""A line of the leaderboard, and the notation of the figures in its table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from infraray.reports.leaderboard import Row
from infraray.reports.notation import decimals_for
from infraray.reports.report import ScenarioReport


@dataclass(frozen=True)
class Line:
    """An agent's line.

    Args:
        row: the agent's figures.
        table: the table that the line is in.
    """

    row: Row
    table: LeaderboardTable


@dataclass(frozen=True)
class LeaderboardTable:
    """A scenario's leaderboard, and the notation of its figures.

    Args:
        scenario: with the rows.
    """

    scenario: ScenarioReport

    @property
    def rows(self) -> Sequence[Row]:
        """The agents, best first."""
        return self.scenario.leaderboard.rows

    @cached_property
    def lines(self) -> list[Line]:
        """One for each agent."""
        return [Line(row, self) for row in self.rows]

    @cached_property
    def decimals(self) -> int:
        """Of scores."""
        return decimals_for(row.score for row in self.rows)

    @cached_property
    def difference_decimals(self) -> int:
        """Decimals of differences from the best."""
        return decimals_for(row.versus_best.difference for row in self.rows if row.versus_best is not None)

    @cached_property
    def k(self) -> int:
        """The repetitions of most rows, for pass@k; 0 without any."""
        return max((row.passes.k for row in self.rows if row.passes is not None), default=0)
