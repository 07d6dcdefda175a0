"""The report on a terminal: as many columns as fit; plain and complete where there is no terminal."""

from __future__ import annotations

import math

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from infraray.reports.leaderboard import Row
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
from infraray.reports.remarks import below_the_table, remarks
from infraray.reports.report import Report, ScenarioReport
from infraray.reports.table_lines import print_table

WIDE = 110
"""Columns from which a terminal shows all of the table."""
_REMARKS = 10
_STYLES = {"best": "bold green", "tied": "green", "better": "green", "worse": "yellow", "n/a": "dim"}


def print_report(report: Report, console: Console) -> None:
    """Prints the leaderboards, what to know about them, and where the files are."""
    for scenario in report.scenarios:
        _print_scenario(scenario, console)
    for warning in report.warnings:
        console.print(Text(f"! {warning}", style="bold yellow"), soft_wrap=not console.is_terminal)
    if "html" in report.files:
        console.print(Text(f"report: {report.files['html']}"), soft_wrap=True)


def _print_scenario(scenario: ScenarioReport, console: Console) -> None:
    board, score = scenario.leaderboard, scenario.score
    better = "higher" if score.higher_is_better else "lower"
    unit = f", {score.unit}" if score.unit not in ("", "1") else ""
    owed = f", {scenario.owed:,} of {scenario.planned:,} owed" if scenario.owed else ""
    console.print()
    console.print(Text(printable(scenario.label), style="bold"), soft_wrap=True)
    console.print(
        Text(
            f"{printable(score.name)}{printable(unit)} ({better} is better); {count_of(scenario.tasks, 'task')}, "
            f"{count_of(scenario.collected, 'episode')}{owed}; floor {plain(board.floor)}, bound {plain(board.bound)}",
            style="dim",
        ),
        soft_wrap=not console.is_terminal,
    )
    print_table(_table(scenario, wide=not console.is_terminal or console.width >= WIDE), console)
    for line in below_the_table(scenario):
        console.print(Text(line, style="dim"), soft_wrap=not console.is_terminal)
    found = remarks(scenario)
    lines = [f"{agent}: {remark}" for agent, remark in found[:_REMARKS]]
    if len(found) > _REMARKS:
        lines.append(f"... and remarks about {count_of(len(found) - _REMARKS, 'more agent')}, see the page")
    for line in lines:
        console.print(Text(line, style="yellow"), soft_wrap=not console.is_terminal)


def _table(scenario: ScenarioReport, wide: bool) -> Table:
    rows = scenario.leaderboard.rows
    decimals = decimals_for(row.score for row in rows)
    difference_decimals = decimals_for(row.versus_best.difference for row in rows if row.versus_best is not None)
    correct, safe = any(row.correct for row in rows), any(row.safe for row in rows)
    passes = pass_headings(rows)
    failures = wide or any(row.failed for row in rows)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True, header_style="bold")
    table.add_column("#", justify="right", no_wrap=True)
    table.add_column("agent", overflow="fold", min_width=12)
    for name in ("score", *(("SEM",) if wide else ()), "95 % interval", "vs best", "place"):
        table.add_column(name, justify="right", no_wrap=True)
    if wide:
        for name in (
            *(("correct",) if correct else ()),
            *(("safe",) if safe else ()),
            *passes,
            "episodes",
            "steps",
            "invalid",
            "time",
        ):
            table.add_column(name, justify="right", no_wrap=True)
    if failures:
        table.add_column("failed", justify="right", no_wrap=True)

    def cells(row: Row) -> list[Text]:
        said = verdict(row.versus_best, row, difference_decimals)
        found = [
            Text(rank(row)),
            Text(printable(row.agent)),
            Text(number(row.score.value, decimals), style="bold"),
            *([Text(number(row.score.sem, decimals))] if wide else []),
            Text(interval(row.score, decimals)),
            Text(said, style=_STYLES[said.split()[0]]),
            Text(percent(row.place.value)),
        ]
        if wide:
            found += [Text(percent(row.correct.value if row.correct else math.nan))] if correct else []
            found += [Text(percent(row.safe.value if row.safe else math.nan))] if safe else []
            found += [Text(text) for text in pass_texts(row, passes)]
            found += [Text(f"{row.episodes:,}"), Text(number(row.steps, 1))]
            found += [Text(percent(row.answers.invalid if row.answers else math.nan)), Text(duration(row.wall_s))]
        if failures:
            found.append(Text(f"{row.failed:,}", style="bold red" if row.failed else "dim"))
        return found

    for row in rows:
        table.add_row(*cells(row))
    return table
