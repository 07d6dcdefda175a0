"""``infraray report``: shows the results of a run, a study or a probe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from infraray.cli.paths import path_of
from infraray.folders import holds


def report(
    folder: Annotated[
        Path,
        typer.Argument(
            help="The folder that 'infraray run', 'infraray search' or 'infraray probe' wrote.",
            metavar="FOLDER",
            parser=path_of("FOLDER"),
        ),
    ],
) -> None:
    """Show the results of a run, a study or a probe, and write them as an HTML page and as CSV."""
    console = Console()
    if holds(folder, "probe"):
        from infraray.curriculum.report import print_probe_report, write_probe_report

        print_probe_report(write_probe_report(folder), console)
    elif holds(folder, "study"):
        from infraray.tune.report import print_study_report, write_study_report

        print_study_report(write_study_report(folder), console)
    else:
        show_report(console, folder)


def show_report(console: Console, run_dir: Path) -> int:
    """Shows a run's report; returns the number of planned episodes that have failed, whenever they were played."""
    from infraray.reports import print_report, write_report

    report = write_report(run_dir)
    print_report(report, console)
    return report.failed
