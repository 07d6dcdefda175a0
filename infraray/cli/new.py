"""``infraray new``: writes a working scenario and its test as a starting point."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from infraray.cli.paths import path_of
from infraray.errors import InfrarayError
from infraray.registration import registrations

_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
LONGEST_NAME = 100

new = typer.Typer(help="Write a starting point for something of your own.", no_args_is_help=True)


@new.callback()
def _group() -> None:
    """Keeps ``scenario`` as a subcommand: a group with a single command would swallow it."""


@new.command()
def scenario(
    name: Annotated[str, typer.Argument(help="Its name, such as elevator or job_queue.", show_default=False)],
    folder: Annotated[
        Path, typer.Option("--folder", help="Where to write the two files.", parser=path_of("--folder"))
    ] = Path("."),
) -> None:
    """Write NAME.py, a scenario that works, with an expert, and test_NAME.py, its conformance test."""
    if _NAME.fullmatch(name) is None:
        raise InfrarayError(f"name={name!r}: must be small letters, digits and underscores, such as job_queue")
    if len(name) > LONGEST_NAME:
        raise InfrarayError(f"name={name!r}: must have at most {LONGEST_NAME} characters")
    taken = {found.name: found.id for found in registrations()}
    if name in taken:
        raise InfrarayError(f"name={name!r}: is taken by {taken[name]}; choose another")
    written = {f"{name}.py": "scenario.py.txt", f"test_{name}.py": "test_scenario.py.txt"}
    for file in written:
        if (folder / file).exists():
            raise InfrarayError(f"{folder / file}: is there already; choose another name or --folder")
    values = {"name": name, "title": "".join(word.capitalize() for word in name.split("_"))}
    templates = files("infraray.cli") / "templates"
    for file, template in written.items():
        text = Template((templates / template).read_text(encoding="utf-8")).substitute(values)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(text, encoding="utf-8")
        except OSError as error:
            raise InfrarayError(f"{folder / file}: cannot be written ({error.strerror})") from None
    script = folder / f"{name}.py"
    print(f"{script} and {folder / f'test_{name}.py'} are written. Play it, and test it (pip install pytest):")
    print(f"  infraray play {name} --import {script} --agent scripted:expert")
    print(f"  pytest {folder / f'test_{name}.py'}")
