"""A study's table on a terminal; plain and complete where there is no terminal."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from infraray.reports.explanation import uncorrected
from infraray.reports.notation import UNKNOWN, count_of, decimals_for, duration, interval, number, printable
from infraray.reports.table_lines import print_table
from infraray.tune.report.study_report import Standing, StudyReport

_STYLES = {"better": "green", "worse": "yellow", "best": "bold green"}


def print_study_report(report: StudyReport, console: Console) -> None:
    """Prints the table, what to know about it, and where the files are."""
    better = "higher" if report.score.higher_is_better else "lower"
    unit = f", {report.score.unit}" if report.score.unit not in ("", "1") else ""
    console.print(Text(f"\n{report.name}", style="bold"), soft_wrap=True)
    console.print(
        Text(
            f"{report.score.name}{unit} ({better} is better) on the evaluation seeds; {report.searcher}, "
            f"{count_of(len(report.trials), 'trial')}, {len(report.failed)} failed, "
            f"{len(report.cut_off)} cut off, {duration(report.seconds)}",
            style="dim",
        ),
        soft_wrap=True,
    )
    decimals = decimals_for(standing.score for standing in report.standings)
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        collapse_padding=True,
        header_style="bold",
    )
    table.add_column("role", no_wrap=True)
    table.add_column("what", overflow="fold")
    for name in ("score", "95 % interval", "vs defaults"):
        table.add_column(name, justify="right", no_wrap=True)
    for standing in report.standings:
        table.add_row(
            Text(standing.role, style=_STYLES.get(standing.role, "")),
            Text(printable(standing.label)),
            Text(number(standing.score.value, decimals), style="bold"),
            Text(interval(standing.score, decimals)),
            Text(compared(standing, decimals), style=_STYLES.get(standing.verdict, "")),
        )
    print_table(table, console)
    if report.comparisons > 1:
        console.print(Text(uncorrected(report.comparisons), style="dim"), soft_wrap=True)
    for warning in report.warnings:
        console.print(Text(f"! {warning}", style="bold yellow"), soft_wrap=True)
    if "html" in report.files:
        console.print(Text(f"report: {report.files['html']}"), soft_wrap=True)


def compared(standing: Standing, decimals: int) -> str:
    """What the comparison with the defaults says."""
    if standing.role == "defaults" or standing.against_defaults is None:
        return "" if standing.role == "defaults" else UNKNOWN
    return f"{standing.verdict} {number(standing.against_defaults.value, decimals, sign=True)}"
