"""The Python and the packages of a sandbox: an interpreter that others may run, and packages by name."""

from __future__ import annotations

import importlib.metadata
import os
import re
import sys
from pathlib import Path

from infraray.errors import InfrarayError

FOLDER = "/packages"
"""The folder of packages in the sandbox."""

_NAME = re.compile(r"[A-Za-z0-9._-]+")


def interpreter() -> Path:
    """A Python of this process's minor version that the sandbox's user may run: this one's, else the system's.

    Raises:
        InfrarayError: there is none.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    own = Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
    for path in (own, Path(f"/usr/bin/python{version}"), Path(f"/usr/local/bin/python{version}")):
        if os.path.isfile(path) and is_open(path):
            return path
    raise InfrarayError(
        f"isolation: {own} is in a folder that only its owner may enter, and the sandbox's user is nobody; "
        f"install Python {version} elsewhere, such as by apt-get install python{version}"
    )


def missing_packages(names: tuple[str, ...]) -> list[str]:
    """The given packages, by their names in pip, that are not installed here."""
    return [name for name in names if not list(importlib.metadata.distributions(name=name))]


def binds(path: Path) -> list[str]:
    """Arguments for bubblewrap that show an interpreter outside /usr, with its library."""
    prefix = sys.base_prefix
    below = Path(prefix).is_relative_to("/usr") or not path.is_relative_to(prefix)
    return [] if below else ["--ro-bind", prefix, prefix]


def package_binds(names: tuple[str, ...]) -> list[str]:
    """Arguments for bubblewrap that show packages and their dependencies, and no others, in `FOLDER`.

    Args:
        names: their names in pip.

    Raises:
        InfrarayError: one is not installed, or its folder is not open to the sandbox's user.
    """
    words: list[str] = []
    for name, distribution in sorted(_with_needs(names).items()):
        parts = {Path(file).parts[0] for file in distribution.files or () if ".." not in Path(file).parts}
        for part in sorted(parts - {"__pycache__"}):
            source = Path(str(distribution.locate_file(part)))
            if not is_open(source):
                raise InfrarayError(f"isolation: {source} ({name}) cannot be read by the sandbox's user, nobody")
            words += ["--ro-bind", str(source), f"{FOLDER}/{part}"]
    return words


def _with_needs(names: tuple[str, ...]) -> dict[str, importlib.metadata.Distribution]:
    found: dict[str, importlib.metadata.Distribution] = {}
    left = list(names)
    while left:
        name = left.pop().lower()
        if name in found:
            continue
        try:
            found[name] = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            if name in names:
                raise InfrarayError(f"isolation: the package {name} is not installed; pip install {name}") from None
            continue  # needed on another system, or by an older Python
        for need in found[name].requires or ():
            match = _NAME.match(need)
            if match is not None and "extra ==" not in need:
                left.append(match[0])
    return found


def is_open(path: Path) -> bool:
    """Whether the user who runs sandboxes may read it: nobody if this is root, else this user."""
    if os.geteuid() != 0:
        return os.access(path, os.R_OK)
    real = Path(os.path.realpath(path))
    return all(folder.stat().st_mode & 0o001 for folder in real.parents) and bool(real.stat().st_mode & 0o004)
