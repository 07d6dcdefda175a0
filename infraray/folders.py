"""Checks of folders that a person names: a usable path, and never a run, a study or a probe in one folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from infraray.errors import InfrarayError

Kind = Literal["run", "study", "probe"]

_MARKS: dict[Kind, tuple[str, ...]] = {
    "run": ("run.json", "episodes", "segments"),
    "study": ("trials.jsonl",),
    "probe": ("rounds.jsonl",),
}
"""Files that exist as soon as one was begun, even if it was killed a moment later. Studies and probes are recognized by
their journals, since they have the marks of a run as well."""


def named_path(what: str, given: str | Path) -> Path:
    """The path that a person gave; a blank one, such as an unset variable, would mean the current folder.

    Args:
        what: the name it was given under, such as ``--out``.
        given: the path.

    Raises:
        InfrarayError: it is blank, or cannot be a path, for instance because a name is too long or it leads
            through a file.
    """
    if not str(given).strip():
        raise InfrarayError(f"{what}={str(given)!r}: is blank; give a path, such as '.' for the current folder")
    if "\0" in str(given):
        raise InfrarayError(f"{what}={str(given)!r}: holds a NUL, which no path can")
    try:
        os.lstat(given)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InfrarayError(f"{what}={str(given)!r}: cannot be reached ({reason}); give another path") from None
    return Path(given)


def chosen_folder(kind: Kind, name: str, out: str | Path | None) -> Path:
    """The folder of a run, a study or a probe with a name: ``out`` if a person gave it, or else ``runs/NAME``.

    Raises:
        InfrarayError: ``out`` cannot be a path, or the folder holds one of another kind.
    """
    folder = Path("runs") / name if out is None else named_path("--out", out)
    _check_not_shared(folder, kind)
    return folder


def holds(folder: Path, kind: Kind) -> bool:
    """Whether a run, a study or a probe was begun in a folder."""
    return _kind_of(folder) == kind


def _kind_of(folder: Path) -> Kind | None:
    kinds: tuple[Kind, ...] = ("study", "probe", "run")
    return next((kind for kind in kinds if any((folder / mark).exists() for mark in _MARKS[kind])), None)


def _check_not_shared(folder: Path, wanted: Kind) -> None:
    """Refuses a folder that already holds one of another kind.

    Raises:
        InfrarayError: it does.
    """
    try:
        found = _kind_of(folder)
    except OSError:
        return  # whoever writes to it will say why it fails
    if found not in (None, wanted):
        raise InfrarayError(
            f"{folder}: holds a {found}, and a {wanted} needs a folder of its own; choose another --out"
        )
