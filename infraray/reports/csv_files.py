"""The report as CSV: full precision, and empty cells for unknown figures."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from typing import Any

from infraray.reports.columns import comparisons, leaderboard
from infraray.reports.columns.column import Column, Line
from infraray.reports.columns.leaderboard_line import LeaderboardTable
from infraray.reports.report import Report


def leaderboard_csv(report: Report) -> str:
    """One line for each scenario and agent; columns of the scenario's own metrics at the end, ``metric_NAME``."""
    lines = [line for scenario in report.scenarios for line in LeaderboardTable(scenario).lines]
    return as_csv([*leaderboard.COLUMNS, *leaderboard.metric_columns(lines)], lines)


def comparisons_csv(report: Report) -> str:
    """One line for each pair of agents of a scenario, the higher ranked first."""
    lines = [
        comparisons.Line(scenario.label, pair)
        for scenario in report.scenarios
        for pair in scenario.leaderboard.comparisons
    ]
    return as_csv(comparisons.COLUMNS, lines)


def as_csv(columns: Sequence[Column[Line]], lines: Sequence[Line]) -> str:
    """A table's fields, with their names in the first line."""
    fields = {name: value for column in columns for name, value in column.fields.items()}
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(fields)
    writer.writerows([_field(value(line)) for value in fields.values()] for line in lines)
    return file.getvalue()


def _field(value: Any) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(value).lower() if isinstance(value, bool) else value
