"""The program behind a command that npm installs.

npm's launchers are scripts for Node, and start a native program of a package beside them. We start that program
itself: the sandbox then needs no Node, and one process less waits.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def find_program(command: str, native: str) -> Path | None:
    """The program that a command of PATH starts, or None if there is no such command.

    Args:
        command: its name.
        native: a pattern of the native program's place below ``node_modules``; the first in order is taken.
    """
    found = shutil.which(command)
    if found is None:
        return None
    launcher = Path(found).resolve()
    for folder in launcher.parents:
        for program in sorted((folder / "node_modules").glob(native)):
            if os.access(program, os.X_OK):
                return program
    return launcher


def package_of(program: Path) -> Path:
    """The folder that a program needs: its npm package, or where it lies if it comes from none."""
    return next((folder for folder in program.parents if (folder / "package.json").is_file()), program.parent)
