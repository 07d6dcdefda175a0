"""The report as Markdown, with tables that are also legible as plain text."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.cells import cell_len

from infraray.reports.columns.column import Table, View, lay_out
from infraray.reports.columns.leaderboard import COLUMNS
from infraray.reports.columns.leaderboard_line import LeaderboardTable
from infraray.reports.columns.places import place_columns
from infraray.reports.explanation import EXPLANATION
from infraray.reports.notation import count_of, printable
from infraray.reports.places import Places, places_of
from infraray.reports.remarks import above_the_table, below_the_table, remarks
from infraray.reports.report import Report, ScenarioReport


def make_markdown(report: Report) -> str:
    """The whole document."""
    parts = [
        f"# {_escape(report.name)}",
        f"Begun {_escape(report.created_at)}, infraray {_escape(report.infraray_version)}, "
        f"{count_of(report.collected, 'episode')}, {report.failed:,} failed, {report.owed:,} owed.",
        *(f"> **Note:** {warning}" for warning in report.warnings),
    ]
    places = places_of(report)
    if places.is_worth_showing:
        parts += _overview(report, places)
    for scenario in report.scenarios:
        parts += _scenario(scenario)
    parts += ["## How to read this", *(f"- **{term}**: {text}" for term, text in EXPLANATION.items())]
    return "\n\n".join(parts).replace("\n\n- ", "\n- ") + "\n"


def _overview(report: Report, places: Places) -> list[str]:
    table = lay_out(place_columns(report, places), places.agents, View.MARKDOWN)
    return ["## Across scenarios", "Place between the floor (0 %) and the bound (100 %).", _table(table)]


def _scenario(scenario: ScenarioReport) -> list[str]:
    lines_below = [f"- {_escape(agent)}: {_escape(remark)}" for agent, remark in remarks(scenario)]
    return [
        f"## {_escape(scenario.label)}",
        _escape(f"{above_the_table(scenario)}."),
        _table(lay_out(COLUMNS, LeaderboardTable(scenario).lines, View.MARKDOWN)),
        *map(_escape, below_the_table(scenario)),
        *(["Failures and remarks:", "\n".join(lines_below)] if lines_below else []),
    ]


def _table(table: Table) -> str:
    """A table in which names and words are aligned left, figures right."""
    left = [heading.kind != "figure" for heading in table.headings]
    header = [_escape(heading.text) for heading in table.headings]
    rows = [
        [_escape(cell.words) if is_text else cell.words for cell, is_text in zip(row, left, strict=True)]
        for row in table.rows
    ]
    widths = [max(cell_len(line[column]) for line in [header, *rows]) for column in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        padded = (
            f"{cell}{' ' * (width - cell_len(cell))}" if is_left else cell.rjust(width)
            for cell, width, is_left in zip(cells, widths, left, strict=True)
        )
        return f"| {' | '.join(padded)} |"

    rule = [
        ":" + "-" * (width - 1) if is_left else "-" * (width - 1) + ":"
        for width, is_left in zip(widths, left, strict=True)
    ]
    return "\n".join([line(header), line(rule), *map(line, rows)])


def _escape(text: str) -> str:
    """Text escaped to be shown literally, whoever wrote it."""
    # An underscore inside a word is harmless and frequent.
    return re.sub(r"([\\`*{}\[\]<>|#~&]|(?<!\w)_|_(?!\w))", r"\\\1", printable(text))
