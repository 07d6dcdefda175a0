"""``infraray run``: plays a run, or says what it would play."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from infraray.cli.completion import complete_agent, complete_exporter, complete_scenario
from infraray.cli.exit_status import FAILED_EPISODES
from infraray.cli.paths import path_of
from infraray.cli.report import show_report

if TYPE_CHECKING:
    from infraray.runs.run_file import RunSpec


def run(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="The run as a YAML file; or use the flags below.",
            show_default=False,
            parser=path_of("FILE"),
            metavar="[FILE]",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="The run's folder.", show_default="runs/NAME", parser=path_of("--out"), metavar="FOLDER"
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The run's name, in place of the file's.", show_default=False)
    ] = None,
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            "--scenario",
            "-s",
            help="A scenario; may be given again.",
            show_default=False,
            autocompletion=complete_scenario,
        ),
    ] = None,
    agent: Annotated[
        list[str] | None,
        typer.Option(
            "--agent",
            "-a",
            help="An agent's spec such as scripted:random; may be given again.",
            show_default=False,
            autocompletion=complete_agent,
        ),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(help="How many seeds, or a range such as 100:120.", show_default=False)
    ] = None,
    repetitions: Annotated[int | None, typer.Option(help="Episodes of each agent on each task.")] = None,
    workers: Annotated[int | None, typer.Option(help="Rollout workers.", show_default="one a CPU")] = None,
    imports: Annotated[
        list[str] | None,
        typer.Option("--import", help="A Python file that registers scenarios or agents.", show_default=False),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--export",
            help="Export the run when it is finished, as 'infraray export --to' does.",
            show_default=False,
            autocompletion=complete_exporter,
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Validate and plan, say what would be played, and start nothing.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Play a run and show its leaderboard.

    What is collected already is not played again: after a crash or Ctrl-C, give the same
    command once more. The run goes to the Ray cluster that RAY_ADDRESS names, or to one that
    is started on this machine.

    Exit status: 0 all episodes finished, 1 some failed or are owed at a limit, 2 the run could not be played.
    """
    from infraray.launch import run as launch

    spec = _spec(file, name, scenario, agent, seeds, repetitions, workers, imports)
    if to is not None:
        from infraray.trajectories.exporters.export import check_exporter
        from infraray.user_file import load_file

        for path in spec.imports:
            load_file(path)
        check_exporter(to)
    console = Console()
    if check:
        from infraray.dry_run import dry_run, print_dry_run

        print_dry_run(dry_run(spec, out), console)
        return
    run_dir = out if out is not None else Path("runs") / spec.name
    summary = launch(spec, run_dir, quiet)
    failed = show_report(console, run_dir)
    console.print(
        f"{summary.finished} episodes finished, {summary.failed} failed, {summary.found} found from before, "
        + (f"{summary.owed} owed, " if summary.owed else "")
        + f"in {summary.wall_s:.1f} s; data in {run_dir}",
        highlight=False,
        soft_wrap=True,
    )
    for reason in summary.stopped:
        console.print(f"stopped: {reason}", style="red", markup=False, highlight=False, soft_wrap=True)
    for failure in summary.failures:
        console.print(f"failed: {failure}", style="red", markup=False, highlight=False, soft_wrap=True)
    if to is not None:
        from infraray.trajectories.exporters.export import export

        print(export(run_dir, to, quiet=quiet))
    if failed or summary.owed:
        raise typer.Exit(FAILED_EPISODES)


def _spec(
    file: Path | None,
    name: str | None,
    scenarios: list[str] | None,
    agents: list[str] | None,
    seeds: str | None,
    repetitions: int | None,
    workers: int | None,
    imports: list[str] | None,
) -> RunSpec:
    """The run described by a file, by flags, or by a file with flags in place of some of its fields."""
    from infraray.runs.run_file import RunSpec

    given: dict[str, Any] = {
        "name": name,
        "scenarios": scenarios,
        "agents": agents,
        "seeds": seeds,
        "repetitions": repetitions,
        "workers": workers,
        "imports": imports,
    }
    return RunSpec.given(file, given, lambda scenarios: "-".join(scenarios).replace("/", "_"))
