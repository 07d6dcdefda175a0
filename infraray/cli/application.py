"""The ``infraray`` command: its commands, and the handling of a user's mistakes."""

from __future__ import annotations

import logging
import os
import sys
from functools import partial
from typing import Annotated

import typer

from infraray.cli.bench import bench
from infraray.cli.completion import INSTRUCTION, complete_in_bash, is_asked_by_bash
from infraray.cli.doctor import doctor
from infraray.cli.exit_status import USER_ERROR
from infraray.cli.export import ExportCommand, export
from infraray.cli.list import list_scenarios
from infraray.cli.new import new
from infraray.cli.play import play
from infraray.cli.probe import probe
from infraray.cli.report import report
from infraray.cli.rescore import rescore
from infraray.cli.run import run
from infraray.cli.search import search
from infraray.cli.train import train
from infraray.errors import InfrarayError
from infraray.stopping import Stopped, await_end, unwinding
from infraray.version import __version__

# Makes Typer take the shell's name. Its guess would ignore one, and is the nearest ancestor's: `sh` below make.
os.environ["_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"] = "1"

app = typer.Typer(
    help="Agents, classical policies and search compete on infrastructure problems, on the same seeds.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("list")(list_scenarios)
app.command()(play)
app.command()(run)
app.command()(search)
app.command()(probe)
app.command()(bench)
app.command()(report)
app.command(cls=ExportCommand)(export)
app.command()(rescore)
app.command()(doctor)
app.add_typer(new, name="new")
app.add_typer(train, name="train")


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


def main() -> None:
    """Runs the command line; a user's mistake is one line on standard error, never a traceback."""
    try:
        # By its name even if run as `python -m infraray`, so that printed commands can be pasted.
        command = partial(app, prog_name="infraray")
        if INSTRUCTION in os.environ:
            logging.disable()  # the tab key must not show that a plugin was left out
        with unwinding():
            complete_in_bash(command) if is_asked_by_bash() else command()
    except InfrarayError as error:
        for line in str(error).splitlines():
            print(f"error: {line}", file=sys.stderr)
        sys.exit(USER_ERROR)
    except Stopped:
        await_end()
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
