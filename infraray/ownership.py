"""Ownership of registered names: a name belongs to the code that took it first.

A name in a run's file must mean one thing, or a leaderboard shows another agent under yesterday's name. The same code
may take its name again: the class of the same qualified name in the same file, edited or not, so that a module can
be reloaded and a test can register its class again; and whatever was typed in the same interactive session, so that a
notebook cell can be run twice. Built-in names keep their meaning.
"""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infraray.errors import InfrarayError

_file_being_imported: str | None = None


@dataclass(frozen=True)
class Origin:
    """The place that a class or a function comes from.

    Args:
        module: its module's name.
        file: the module's absolute path; "" if there is none, as in a notebook, or it is not imported yet.
        name: its qualified name.
    """

    module: str
    file: str
    name: str

    @classmethod
    def of(cls, found: Any) -> Origin:
        """The origin of a class, a function, or of what ``module:name`` will import."""
        if isinstance(found, str):
            module, _, name = found.partition(":")
        else:
            module, name = found.__module__, found.__qualname__
        file = getattr(sys.modules.get(module), "__file__", None)
        return cls(module, str(Path(_file_of(found) or file).resolve()) if file else "", name)

    @property
    def is_built_in(self) -> bool:
        """Whether it is of this package."""
        return self.module.partition(".")[0] == __name__.partition(".")[0]

    def is_same_code(self, other: Origin) -> bool:
        """Whether both are the same class, perhaps in two versions."""
        if self.module == other.module == "__main__" and not self.file:
            return True
        return self.name == other.name and self._is_same_place(other)

    def is_of_one_package(self, other: Origin) -> bool:
        """Whether both belong to one file or one package."""
        tops = self.module.partition(".")[0], other.module.partition(".")[0]
        return self._is_same_place(other) or (tops[0] == tops[1] and "." in self.module and "." in other.module)

    def _is_same_place(self, other: Origin) -> bool:
        # Users' files have made-up module names, which two files may share.
        return self.file == other.file if self.file and other.file else self.module == other.module


def _file_of(found: Any) -> str | None:
    """The file that a class was compiled from, according to its methods: its module may have been replaced since."""
    for member in getattr(found, "__dict__", {}).values():
        file: str = getattr(getattr(member, "__code__", None), "co_filename", "")
        if file.endswith(".py") and member.__module__ == found.__module__:
            return file
    return None


def check_owner(what: str, holder: Any, newcomer: Any) -> None:
    """Refuses to give a taken name to other code.

    Args:
        what: the name and its sort, for the error.
        holder: the class or function that has the name, or its ``module:name``.
        newcomer: what wants the name.

    Raises:
        InfrarayError: one line with both places.
    """
    if not Origin.of(holder).is_same_code(Origin.of(newcomer)):
        if Origin.of(newcomer).is_built_in and not Origin.of(holder).is_built_in:
            holder, newcomer = newcomer, holder  # built-in ones are imported late, and are not the user's to rename
        raise InfrarayError(
            f"{what} is registered already, by {describe(holder)}; give {describe(newcomer)} another name"
        )


def file_being_imported() -> str | None:
    """The user's file to which registrations now belong; None if they are a package's."""
    return _file_being_imported


class importing_file:
    """Attributes the registrations made inside to the user's file ``path``, or to no file if None."""

    def __init__(self, path: str | None) -> None:
        self.path = path

    def __enter__(self) -> None:
        global _file_being_imported
        self.before, _file_being_imported = _file_being_imported, self.path

    def __exit__(self, *_: object) -> None:
        global _file_being_imported
        _file_being_imported = self.before


def describe(found: Any) -> str:
    """A class or function and its place, for a person to look up: ``mine.py:12 (Patient)``."""
    origin = Origin.of(found)
    if isinstance(found, str) or not origin.file:
        return f"{origin.module}.{origin.name}"
    try:
        line = f":{inspect.getsourcelines(found)[1]}"
    except (OSError, TypeError):
        line = ""
    return f"{origin.file}{line} ({origin.name})"
