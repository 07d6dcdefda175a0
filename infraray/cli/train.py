"""``infraray train``: trains a policy."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from infraray.cli.exit_status import FAILED_EPISODES
from infraray.cli.paths import path_of
from infraray.cli.report import show_report

train = typer.Typer(help="Train a policy in the environments.", no_args_is_help=True)


@train.command()
def grpo(
    file: Annotated[Path, typer.Argument(help="The training as a YAML file.", parser=path_of("FILE"), metavar="FILE")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="The training's folder.",
            show_default="runs/NAME",
            parser=path_of("--out"),
            metavar="FOLDER",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Validate, write data and configuration, and start nothing.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Train with GRPO, on verl; then compare base policy and best checkpoint on held-out seeds.

    After a crash or Ctrl-C, give the same command once more: it goes on from the latest checkpoint, and with the
    rollouts that its weights have played already. The training goes to the Ray cluster that RAY_ADDRESS names, or to
    one that is started on this machine.

    Exit status: 0 trained and evaluated, 1 some episodes of the evaluation failed, 2 the training stopped.
    """
    from infraray.reports import print_report, write_report
    from infraray.reports.notation import interval, number
    from infraray.training.evaluation import evaluate, gains
    from infraray.training.grpo import prepare, train_grpo
    from infraray.training.grpo_file import GrpoSpec

    spec = GrpoSpec.load(file)
    console = Console()
    if check:
        folder = (out if out is not None else Path("runs") / spec.name).resolve()
        prepare(spec, folder)
        console.print(f"can be started; data and verl.yaml in {folder}", highlight=False, soft_wrap=True)
        return
    folder = train_grpo(spec, out, quiet)
    evaluated = evaluate(spec, folder, quiet)
    console.print(f"trained; checkpoints and rollouts in {folder}", highlight=False, soft_wrap=True)
    if evaluated is not None:
        summary, run_dir = evaluated
        report = write_report(run_dir)
        print_report(report, console)
        for label, pair in gains(report):
            change, span = number(pair.difference.value, 3, sign=True), interval(pair.difference, 3, sign=True)
            told = f"{label}: trained - base {change} {span} on {pair.difference.n} tasks, {pair.verdict}"
            console.print(told, markup=False, highlight=False, soft_wrap=True)
        if report.failed or summary.owed:
            raise typer.Exit(FAILED_EPISODES)


@train.command()
def sft(
    file: Annotated[
        Path, typer.Argument(help="The fine-tuning as a YAML file.", parser=path_of("FILE"), metavar="FILE")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="The fine-tuning's folder.",
            show_default="runs/NAME",
            parser=path_of("--out"),
            metavar="FOLDER",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")] = False,
) -> None:
    """Fine-tune on a run's episodes, a model for each set; then show which of them solves what.

    What is tuned is not tuned again: after a crash or Ctrl-C, give the same command once more.

    Exit status: 0 tuned and evaluated, 1 some episodes of the evaluation failed, 2 a training failed.
    """
    from infraray.training.sft import evaluate, table, train_sft
    from infraray.training.sft_file import SftSpec

    spec = SftSpec.load(file)
    folder = train_sft(spec, out, quiet)
    console = Console()
    console.print(f"trained; models in {folder}", highlight=False, soft_wrap=True)
    evaluated = evaluate(spec, folder, quiet)
    if evaluated is None:
        return
    summary, run_dir = evaluated
    failed = show_report(console, run_dir)
    heads, *rows = table(spec, run_dir)
    shown = Table(*heads)
    for row in rows:
        shown.add_row(*row)
    console.print(shown)
    if failed or summary.owed:
        raise typer.Exit(FAILED_EPISODES)
