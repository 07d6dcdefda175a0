"""Prints how a run's agents work: `python -m infraray.workspaces.behaviour RUN [--out FOLDER]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from infraray.errors import InfrarayError
from infraray.workspaces.behaviour.plots import write_plots
from infraray.workspaces.behaviour.report import behaviours, summaries
from infraray.workspaces.behaviour.table import behaviour_csv, print_behaviour


def main() -> int:
    """Prints the table and, where a folder is given, writes CSV and plots into it."""
    parser = argparse.ArgumentParser(prog="python -m infraray.workspaces.behaviour", description=__doc__)
    parser.add_argument("run", type=Path, help="the folder that 'infraray run' wrote")
    parser.add_argument("--out", type=Path, help="a folder for behaviour.csv and plots")
    given = parser.parse_args()
    try:
        found = behaviours(given.run)
        together = summaries(found)
        print_behaviour(together, Console())
        if given.out is not None:
            given.out.mkdir(parents=True, exist_ok=True)
            (given.out / "behaviour.csv").write_text(behaviour_csv(found), encoding="utf-8")
            write_plots(together, given.out)
    except InfrarayError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"--out {given.out}: {error.strerror or error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
