"""``infraray search``: searches for the best configuration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from infraray.cli.completion import complete_agent, complete_scenario, complete_searcher
from infraray.cli.exit_status import FAILED_EPISODES
from infraray.cli.paths import path_of


def search(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="The study as a YAML file; or use the flags below.",
            show_default=False,
            parser=path_of("FILE"),
            metavar="[FILE]",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="The study's folder.",
            show_default="runs/NAME",
            parser=path_of("--out"),
            metavar="FOLDER",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The study's name, in place of the file's.", show_default=False)
    ] = None,
    scenario: Annotated[
        str | None,
        typer.Option("--scenario", "-s", help="The scenario.", show_default=False, autocompletion=complete_scenario),
    ] = None,
    agent: Annotated[
        list[str] | None,
        typer.Option(
            "--agent",
            "-a",
            help="Whose parameters are searched; may be given again.",
            show_default=False,
            autocompletion=complete_agent,
        ),
    ] = None,
    searcher: Annotated[
        str | None,
        typer.Option(help="random, tpe, bohb or smac.", show_default="tpe", autocompletion=complete_searcher),
    ] = None,
    trials: Annotated[int | None, typer.Option(help="Full measurements at most.", show_default="50")] = None,
    seconds: Annotated[float | None, typer.Option(help="Wall-clock time of all trials.", show_default=False)] = None,
    seeds: Annotated[str | None, typer.Option(help="Seeds that trials are measured on.", show_default="0:20")] = None,
    evaluation_seeds: Annotated[
        str | None, typer.Option(help="Seeds that the best is confirmed on.", show_default="1000:1020")
    ] = None,
    against: Annotated[
        list[str] | None,
        typer.Option(
            help="An agent to compare with; may be given again.", show_default=False, autocompletion=complete_agent
        ),
    ] = None,
    parallel: Annotated[int | None, typer.Option(help="Trials at a time.", show_default="as many as fit")] = None,
    imports: Annotated[
        list[str] | None,
        typer.Option("--import", help="A Python file that registers scenarios or agents.", show_default=False),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Search for the best configuration of a scenario's agents or engines.

    What is measured already is not measured again: after a crash or Ctrl-C, or with a larger
    budget, give the same command once more.

    Exit status: 0 a best configuration is confirmed, 1 none is, 2 the search could not be made.
    """
    from infraray.tune.report import print_study_report, write_study_report
    from infraray.tune.search import search as launch
    from infraray.tune.study_file import StudySpec

    budget = {"trials": trials, "seconds": seconds}
    given = {
        "name": name,
        "scenario": scenario,
        "agents": agent,
        "searcher": searcher,
        "budget": {limit: value for limit, value in budget.items() if value is not None} or None,
        "seeds": seeds,
        "evaluation_seeds": evaluation_seeds,
        "against": against,
        "parallel": parallel,
        "imports": imports,
    }
    spec = StudySpec.given(file, given, lambda scenario: re.sub(r"[^A-Za-z0-9._-]", "_", f"search-{scenario}"))
    summary = launch(spec, out, quiet)
    print_study_report(write_study_report(summary.folder), Console())
    if summary.best is None:
        raise typer.Exit(FAILED_EPISODES)
