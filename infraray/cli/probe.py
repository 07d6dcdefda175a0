"""``infraray probe``: finds the regions of tasks that break an agent."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from infraray.cli.completion import complete_agent, complete_sampler, complete_scenario
from infraray.cli.exit_status import FAILED_EPISODES
from infraray.cli.paths import path_of


def probe(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="The probe as a YAML file; or use the flags below.",
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
            help="The probe's folder.",
            show_default="runs/NAME",
            parser=path_of("--out"),
            metavar="FOLDER",
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The probe's name, in place of the file's.", show_default=False)
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
            help="Who is probed; may be given again.",
            show_default=False,
            autocompletion=complete_agent,
        ),
    ] = None,
    knob: Annotated[
        list[str] | None,
        typer.Option(
            help="A parameter that tasks differ in, NAME=LOW:HIGH or NAME=VALUE,VALUE; may be given again.",
            show_default="the level",
        ),
    ] = None,
    episodes: Annotated[int | None, typer.Option(help="Of each agent, at most.", show_default="400")] = None,
    sampler: Annotated[
        str | None,
        typer.Option(
            help="bandit, or a searcher of 'infraray search'.", show_default="bandit", autocompletion=complete_sampler
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of all that is drawn.", show_default="0")] = None,
    start: Annotated[
        str | None,
        typer.Option(
            help="The folder of a run of these agents, which guides the search.", show_default=False, metavar="FOLDER"
        ),
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Rollout workers.", show_default="one a CPU")] = None,
    imports: Annotated[
        list[str] | None,
        typer.Option("--import", help="A Python file that registers scenarios or agents.", show_default=False),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Find where agents fail: the smallest regions of a scenario's tasks that break them, each with an interval.

    What is collected already is not played again: after a crash or Ctrl-C, give the same
    command once more.

    Exit status: 0 the probe is complete, 1 episodes are owed at a limit, 2 it could not be made.
    """
    from infraray.curriculum.knobs import read_flag
    from infraray.curriculum.probe import probe as launch
    from infraray.curriculum.probe_file import ProbeSpec
    from infraray.curriculum.report import print_probe_report, write_probe_report

    given = {
        "name": name,
        "probe": scenario,
        "agents": agent,
        "knobs": dict(map(read_flag, knob)) if knob else None,
        "episodes": episodes,
        "sampler": sampler,
        "seed": seed,
        "start": start,
        "workers": workers,
        "imports": imports,
    }
    spec = ProbeSpec.given(file, given, lambda scenario: re.sub(r"[^A-Za-z0-9._-]", "_", f"probe-{scenario}"))
    summary = launch(spec, out, quiet)
    console = Console()
    print_probe_report(write_probe_report(summary.folder), console)
    for reason in summary.stopped:
        console.print(f"stopped: {reason}", style="red", markup=False, highlight=False, soft_wrap=True)
    if summary.stopped:
        raise typer.Exit(FAILED_EPISODES)
