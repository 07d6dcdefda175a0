"""``infraray rescore``: applies changed metrics or parsers to stored answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from infraray.cli.paths import path_of


def rescore(
    run_dir: Annotated[
        Path, typer.Argument(help="The folder that 'infraray run' wrote.", metavar="RUN", parser=path_of("RUN"))
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="The new run's folder.",
            show_default="RUN-rescored",
            parser=path_of("--out"),
            metavar="FOLDER",
        ),
    ] = None,
    scenario: Annotated[
        str | None,
        typer.Option("--scenario", "-s", help="Only this scenario, by its label.", show_default="all that can be"),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Apply changed metrics or parsers to a run's stored answers, without calling a model.

    Writes a new run beside the old one, which stays as it is. Scenarios that drive a live system are left out.
    """
    from infraray.reports.table_lines import print_table
    from infraray.rescoring import rescore as rescore_run

    rescoring = rescore_run(run_dir, out, quiet, scenario)
    console = Console()
    print_table(rescoring.table(), console)
    console.print(rescoring.summary(), markup=False, highlight=False, soft_wrap=True)
