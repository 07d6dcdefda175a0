"""The report as Markdown, with tables that are also legible as plain text."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from rich.cells import cell_len

from infraray.reports.explanation import EXPLANATION
from infraray.reports.notation import (
    count_of,
    decimals_for,
    duration,
    interval,
    number,
    pass_headings,
    pass_texts,
    percent,
    plain,
    printable,
    rank,
    verdict,
)
from infraray.reports.places import Places, places_of
from infraray.reports.remarks import below_the_table, remarks
from infraray.reports.report import Report, ScenarioReport
from infraray.statistics.power import about


def make_markdown(report: Report) -> str:
    """The whole document."""
    parts = [
        f"# {_escape(report.name)}",
        f"Begun {_escape(report.created_at)}, infraray {_escape(report.infraray_version)}, "
        f"{count_of(report.collected, 'episode')}, {report.failed:,} failed, {report.owed:,} owed.",
        *(f"> **Note:** {warning}" for warning in report.warnings),
    ]
    places = places_of(report)
    if places.worth_showing:
        parts += _overview(report, places)
    for scenario in report.scenarios:
        parts += _scenario(scenario)
    parts += ["## How to read this", *(f"- **{term}**: {text}" for term, text in EXPLANATION.items())]
    return "\n\n".join(parts).replace("\n\n- ", "\n- ") + "\n"


def _overview(report: Report, places: Places) -> list[str]:
    header = ["agent", "mean", *(_escape(scenario.label) for scenario in report.scenarios)]
    rows = [[_escape(agent), percent(places.mean(agent)), *map(percent, places.of(agent))] for agent in places.agents]
    return ["## Across scenarios", "Place between the floor (0 %) and the bound (100 %).", _table(header, rows, 1)]


def _scenario(scenario: ScenarioReport) -> list[str]:
    board, score = scenario.leaderboard, scenario.score
    rows = board.rows
    decimals = decimals_for(row.score for row in rows)
    difference_decimals = decimals_for(row.versus_best.difference for row in rows if row.versus_best is not None)
    correct, safe = any(row.correct for row in rows), any(row.safe for row in rows)
    header = ["rank", "agent", "score", "SEM", "95 % interval", "against the best", "seeds", "place"]
    header += [name for name, defined in (("correct", correct), ("safe", safe)) if defined]
    passes = pass_headings(rows)
    header += [*passes, "episodes", "failed", "steps", "invalid", "time"]
    lines = [
        [
            rank(row),
            _escape(row.agent),
            number(row.score.value, decimals),
            number(row.score.sem, decimals),
            interval(row.score, decimals),
            verdict(row.versus_best, row, difference_decimals),
            about(row.seeds_to_separate) if row.seeds_to_separate else "",
            percent(row.place.value),
            *([percent(row.correct.value if row.correct else math.nan)] if correct else []),
            *([percent(row.safe.value if row.safe else math.nan)] if safe else []),
            *pass_texts(row, passes),
            f"{row.episodes:,}",
            f"{row.failed:,}",
            number(row.steps, 1),
            percent(row.answers.invalid if row.answers else math.nan),
            duration(row.wall_s),
        ]
        for row in rows
    ]
    unit = f", {score.unit}" if score.unit not in ("", "1") else ""
    better = "higher" if score.higher_is_better else "lower"
    lines_below = [f"- {_escape(agent)}: {_escape(remark)}" for agent, remark in remarks(scenario)]
    return [
        f"## {_escape(scenario.label)}",
        f"Score: {_escape(score.name)}{_escape(unit)}, {better} is better; {count_of(scenario.tasks, 'task')}, "
        f"{count_of(scenario.collected, 'episode')}, {scenario.owed:,} owed; "
        f"floor {plain(board.floor)}, bound {plain(board.bound)}.",
        _table(header, lines, 2),
        *map(_escape, below_the_table(scenario)),
        *(["Failures and remarks:", "\n".join(lines_below)] if lines_below else []),
    ]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], texts: int) -> str:
    """A table whose columns up to the ``texts``-th are aligned left if they are text, the others right."""
    widths = [max(cell_len(line[column]) for line in [header, *rows]) for column in range(len(header))]
    left = [column == texts - 1 for column in range(len(header))]

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
    """Text that is shown as it is, whoever wrote it."""
    # An underscore inside a word is harmless, and frequent.
    return re.sub(r"([\\`*{}\[\]<>|#~&]|(?<!\w)_|_(?!\w))", r"\\\1", printable(text))
