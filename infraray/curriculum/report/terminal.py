"""A probe's table on a terminal; plain and complete where there is no terminal."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from infraray.curriculum.report.columns import REGIONS, lines_of
from infraray.curriculum.report.probe_report import ProbeReport
from infraray.reports.columns.column import View, lay_out
from infraray.reports.notation import count_of
from infraray.reports.table_lines import print_table
from infraray.reports.terminal import as_rich


def print_probe_report(report: ProbeReport, console: Console) -> None:
    """Prints which regions break whom, what to know about them, and where the files are."""
    played = sum(phase.played for agent in report.agents for phase in agent.phases)
    console.print(Text(f"\n{report.name}", style="bold"), soft_wrap=True)
    console.print(
        Text(f"probe of {report.scenario}, {count_of(played, 'episode')}; loss: 0 % is solved", style="dim"),
        soft_wrap=True,
    )
    print_table(as_rich(lay_out(REGIONS, lines_of(report), View.WIDE)), console)
    for warning in report.warnings:
        console.print(Text(f"! {warning}", style="bold yellow"), soft_wrap=True)
    if report.files:
        console.print(Text(f"report: {report.files['html']}"), soft_wrap=True)
