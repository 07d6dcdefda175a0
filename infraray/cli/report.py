"""``infraray report``: what a run or a study came to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def report(
    run_dir: Annotated[Path, typer.Argument(help="The folder that 'infraray run' wrote.", metavar="RUN")],
) -> None:
    """Show a run's leaderboard and write it as Markdown, CSV and an HTML page."""
    show_report(Console(), run_dir)


def show_report(console: Console, run_dir: Path) -> int:
    """Shows a run's report; returns how many of the planned episodes have failed, whenever they were played."""
    from infraray.reports import print_report, write_report

    report = write_report(run_dir)
    print_report(report, console)
    return report.failed
