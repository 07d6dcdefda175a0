"""The report on a terminal: as many columns as fit; elsewhere plain and complete."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from infraray.reports.columns.column import Table as LaidOut
from infraray.reports.columns.column import View, lay_out
from infraray.reports.columns.leaderboard import COLUMNS
from infraray.reports.columns.leaderboard_line import LeaderboardTable
from infraray.reports.notation import count_of, printable
from infraray.reports.remarks import above_the_table, below_the_table, remarks
from infraray.reports.report import Report, ScenarioReport
from infraray.reports.table_lines import print_table

WIDE = 110
"""Width, in characters, from which a terminal shows the whole table."""
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
    console.print()
    console.print(Text(printable(scenario.label), style="bold"), soft_wrap=True)
    console.print(Text(above_the_table(scenario), style="dim"), soft_wrap=not console.is_terminal)
    view = View.NARROW if console.is_terminal and console.width < WIDE else View.WIDE
    print_table(as_rich(lay_out(COLUMNS, LeaderboardTable(scenario).lines, view)), console)
    for line in below_the_table(scenario):
        console.print(Text(line, style="dim"), soft_wrap=not console.is_terminal)
    found = remarks(scenario)
    lines = [f"{agent}: {remark}" for agent, remark in found[:_REMARKS]]
    if len(found) > _REMARKS:
        lines.append(f"... and remarks about {count_of(len(found) - _REMARKS, 'more agent')}, see the page")
    for line in lines:
        console.print(Text(line, style="yellow"), soft_wrap=not console.is_terminal)


def as_rich(laid_out: LaidOut) -> Table:
    """A report's table for `print_table`."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True, header_style="bold")
    for heading in laid_out.headings:
        if heading.kind == "name":
            table.add_column(heading.text, overflow="fold", min_width=12)
        else:
            table.add_column(heading.text, justify="right" if heading.kind == "figure" else "left", no_wrap=True)
    for row in laid_out.rows:
        table.add_row(
            *(Text(cell.words, style="bold red" if cell.is_alarming else _STYLES.get(cell.badge, "")) for cell in row)
        )
    return table
