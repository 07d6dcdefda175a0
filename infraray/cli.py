"""The command line: list, run, search, report, export, rescore, doctor."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from infraray.agents import registered_agents
from infraray.errors import InfrarayError
from infraray.registration import find, registrations
from infraray.runs import RunSpec, load_run, parse_run
from infraray.version import __version__

app = typer.Typer(
    help="Agents, classical policies and search compete on infrastructure problems, on the same seeds.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

FAILED_EPISODES = 1
USER_ERROR = 2
INTERRUPTED = 130


@app.command("list")
def list_scenarios(
    scenario: Annotated[
        str | None, typer.Argument(help="Show this scenario's manual, parameters and agents.", show_default=False)
    ] = None,
) -> None:
    """Show the scenarios and their agents; with a name, its manual."""
    console = Console()
    if scenario is not None:
        _show_manual(console, scenario)
        return
    table = Table("scenario", "id", "score", "agents (scripted:...)")
    for found in registrations():
        found.import_baselines()
        score = found.environment_class().score
        direction = "higher" if score.higher_is_better else "lower"
        unit = f" [{score.unit}]" if score.unit else ""
        table.add_row(
            found.name, found.id, f"{score.name}{unit}, {direction} is better", ", ".join(registered_agents(found.name))
        )
    console.print(table)


@app.command()
def run(
    file: Annotated[
        Path | None, typer.Argument(help="The run as a YAML file; or use the flags below.", show_default=False)
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The run's folder.", show_default="runs/NAME")] = None,
    name: Annotated[
        str | None, typer.Option(help="The run's name, in place of the file's.", show_default=False)
    ] = None,
    scenario: Annotated[
        list[str] | None, typer.Option("--scenario", "-s", help="A scenario; may be given again.", show_default=False)
    ] = None,
    agent: Annotated[
        list[str] | None,
        typer.Option(
            "--agent", "-a", help="An agent's spec such as scripted:random; may be given again.", show_default=False
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
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Play a run and show its leaderboard.

    What is collected already is not played again: after a crash or Ctrl-C, give the same
    command once more. The run goes to the Ray cluster that RAY_ADDRESS names, or to one that
    is started on this machine.

    Exit status: 0 all episodes finished, 1 some failed, 2 the run could not be played.
    """
    from infraray.launch import run as launch

    spec = _spec(file, name, scenario, agent, seeds, repetitions, workers, imports)
    run_dir = out if out is not None else Path("runs") / spec.name
    console = Console()
    summary = launch(spec, run_dir, quiet)
    failed = _report(console, run_dir)
    console.print(
        f"{summary.finished} episodes finished, {summary.failed} failed, {summary.found} found from before, "
        f"in {summary.wall_s:.1f} s; data in {run_dir}",
        highlight=False,
        soft_wrap=True,
    )
    for failure in summary.failures:
        console.print(f"failed: {failure}", style="red", markup=False, highlight=False, soft_wrap=True)
    if failed:
        raise typer.Exit(FAILED_EPISODES)


@app.command()
def search(
    file: Annotated[
        Path | None, typer.Argument(help="The study as a YAML file; or use the flags below.", show_default=False)
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The study's folder.", show_default="runs/NAME")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The study's name, in place of the file's.", show_default=False)
    ] = None,
    scenario: Annotated[str | None, typer.Option("--scenario", "-s", help="The scenario.", show_default=False)] = None,
    agent: Annotated[
        list[str] | None,
        typer.Option("--agent", "-a", help="Whose parameters are searched; may be given again.", show_default=False),
    ] = None,
    searcher: Annotated[str | None, typer.Option(help="random, tpe, bohb or smac.", show_default="tpe")] = None,
    trials: Annotated[int | None, typer.Option(help="Full measurements at most.", show_default="50")] = None,
    seconds: Annotated[float | None, typer.Option(help="Wall-clock time of all trials.", show_default=False)] = None,
    seeds: Annotated[str | None, typer.Option(help="Seeds that trials are measured on.", show_default="0:20")] = None,
    evaluation_seeds: Annotated[
        str | None, typer.Option(help="Seeds that the best is confirmed on.", show_default="1000:1020")
    ] = None,
    against: Annotated[
        list[str] | None, typer.Option(help="An agent to compare with; may be given again.", show_default=False)
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
    from infraray.tune.study_file import read_study

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
    spec = read_study(file, {field: value for field, value in given.items() if value is not None})
    summary = launch(spec, out, quiet)
    print_study_report(write_study_report(summary.folder), Console())
    if summary.best is None:
        raise typer.Exit(FAILED_EPISODES)


@app.command()
def report(
    run_dir: Annotated[Path, typer.Argument(help="The folder that 'infraray run' wrote.", metavar="RUN")],
) -> None:
    """Show a run's leaderboard and write it as Markdown, CSV and an HTML page."""
    _report(Console(), run_dir)


@app.command()
def export(
    run_dir: Annotated[Path, typer.Argument(help="The folder that 'infraray run' wrote.", metavar="RUN")],
    to: Annotated[
        str,
        typer.Option(help="chat (JSONL or Parquet for fine-tuning), atif (JSON files) or otlp (OpenTelemetry spans)."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="The file (chat; .parquet writes Parquet) or folder (atif).",
            show_default="RUN/exports/...",
        ),
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(help="The receiver's URL (otlp).", show_default="http://localhost:4318")
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE, sent to the receiver (otlp); may be given again.", show_default=False),
    ] = None,
    agent: Annotated[
        str | None, typer.Option("--agent", "-a", help="Only agents that match, such as 'chat:*'.", show_default=False)
    ] = None,
    scenario: Annotated[
        str | None, typer.Option("--scenario", "-s", help="Only this scenario, by its label.", show_default=False)
    ] = None,
    valid_only: Annotated[bool, typer.Option("--valid-only", help="Leave out invalid steps (chat).")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Write a run's trajectories as chats or ATIF, or send them as OpenTelemetry spans."""
    from infraray.trajectories.exporters.export import export as export_run
    from infraray.trajectories.exporters.stored import Selection

    headers = {}
    for given in header or ():
        name, equals, value = given.partition("=")
        if not equals or not name:
            raise InfrarayError(f"--header {given!r}: must look like NAME=VALUE")
        headers[name] = value
    said = export_run(
        run_dir,
        to,  # type: ignore[arg-type] # is checked there
        out=out,
        endpoint=endpoint,
        headers=headers,
        selection=Selection(agent, scenario),
        valid_only=valid_only,
        quiet=quiet,
    )
    print(said)


@app.command()
def rescore(
    run_dir: Annotated[Path, typer.Argument(help="The folder that 'infraray run' wrote.", metavar="RUN")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The new run's folder.", show_default="RUN-rescored")
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
    from infraray.rescoring import rescore as rescore_run

    rescoring = rescore_run(run_dir, out, quiet, scenario)
    console = Console()
    console.print(rescoring.table())
    console.print(rescoring.summary(), markup=False, highlight=False, soft_wrap=True)


@app.command()
def doctor() -> None:
    """Say what this machine can run, and what is missing for the rest."""
    from infraray.doctor import print_checkup

    print_checkup(Console())


def _version(wanted: bool) -> None:
    if wanted:
        print(f"infraray {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


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
    """The run of a file, or of flags, or of a file with flags in place of its fields."""
    given: dict[str, Any] = {
        "name": name,
        "scenarios": scenarios,
        "agents": agents,
        "seeds": seeds,
        "repetitions": repetitions,
        "workers": workers,
        "imports": imports,
    }
    given = {field: value for field, value in given.items() if value is not None}
    if file is None:
        if "scenarios" not in given:
            raise InfrarayError("nothing to run; give a YAML file, or --scenario and --agent")
        return parse_run({"name": "-".join(given["scenarios"]).replace("/", "_"), **given}, lambda _: "command line: ")
    spec = load_run(file)
    if not given:
        return spec
    return parse_run({**spec.model_dump(), **given}, lambda _: "command line: ")


def _report(console: Console, run_dir: Path) -> int:
    """Shows a run's report; returns how many of the planned episodes have failed, whenever they were played."""
    from infraray.reports import print_report, write_report

    report = write_report(run_dir)
    print_report(report, console)
    return report.failed


def _show_manual(console: Console, name: str) -> None:
    from inspect import cleandoc

    from rich.markdown import Markdown

    from infraray.parameters import meaning

    found = find(name)
    found.import_baselines()
    environment_class = found.environment_class()
    console.print(Markdown(cleandoc(environment_class.__doc__ or "")))
    parameters = Table("parameter", "default", "unit", "meaning", title="Parameters")
    for field, info in environment_class.Parameters.model_fields.items():
        extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
        parameters.add_row(field, str(info.default), str(extra.get("unit", "")), meaning(info))
    agents = Table("agent", "what it does", title="Agents")
    for agent, agent_class in registered_agents(found.name).items():
        agents.add_row(f"scripted:{agent}", (agent_class.__doc__ or "").partition("\n")[0])
    console.print(parameters, agents)


def main() -> None:
    """Runs the command line; a user's mistake is one line on standard error, never a traceback."""
    try:
        app()
    except InfrarayError as error:
        for line in str(error).splitlines():
            print(f"error: {line}", file=sys.stderr)
        sys.exit(USER_ERROR)
    except KeyboardInterrupt:
        print("stopped; give the same command again to go on", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
