"""Paths among a command's arguments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from infraray.folders import named_path


def path_of(argument: str) -> Callable[[str], Path]:
    """A reader of an argument's path, which refuses a blank one in words that name the argument."""

    def path(text: str) -> Path:
        return named_path(argument, text)

    return path
