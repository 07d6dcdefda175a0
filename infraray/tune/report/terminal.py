"""A study's table on a terminal; plain and complete where there is no terminal."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from infraray.reports.columns.column import View, lay_out
from infraray.reports.explanation import uncorrected
from infraray.reports.notation import count_of, duration
from infraray.reports.table_lines import print_table
from infraray.reports.terminal import WIDE, as_rich
from infraray.tune.report.columns import STANDINGS, standing_lines
from infraray.tune.report.study_report import StudyReport


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
    view = View.WIDE if not console.is_terminal or console.width >= WIDE else View.NARROW
    print_table(as_rich(lay_out(STANDINGS, standing_lines(report), view)), console)
    if report.comparisons > 1:
        console.print(Text(uncorrected(report.comparisons), style="dim"), soft_wrap=True)
    for warning in report.warnings:
        console.print(Text(f"! {warning}", style="bold yellow"), soft_wrap=True)
    if "html" in report.files:
        console.print(Text(f"report: {report.files['html']}"), soft_wrap=True)
