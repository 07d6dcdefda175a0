"""A user's Python file, imported once per process under a module name made from its path."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from types import ModuleType

from infraray.errors import InfrarayError
from infraray.ownership import importing_file
from infraray.user_code import guarded

_files: dict[str, ModuleType] = {}


def load_file(path: str, source: bytes | None = None) -> ModuleType:
    """Imports a user's Python file once, under a module name made from its path.

    Args:
        path: the file.
        source: its content, if this machine may not have the file; Python itself finds its encoding.

    Raises:
        InfrarayError: the file is missing or its import fails.
    """
    if path in _files:
        return _files[path]
    if source is None:
        source = read_source(path)
    module = ModuleType(_module_name(path))
    module.__file__ = path
    sys.modules[module.__name__] = module
    with importing_file(path), guarded(f"{path}: its import fails"):
        exec(compile(source, path, "exec"), module.__dict__)
    _files[path] = module
    return module


def find_modules_here() -> None:
    """Lets a user's modules be found in the folder where the command is given, as with `python -m`."""
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))


def _module_name(path: str) -> str:
    # Files of one name in two folders are two modules: an agent's code is found and pickled by its module.
    return f"infraray_user_{Path(path).stem}_{hashlib.sha256(path.encode()).hexdigest()[:8]}"


def read_source(path: str) -> bytes:
    """The content of a user's Python file.

    Raises:
        InfrarayError: it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise InfrarayError(f"{path}: cannot be read ({error})") from None
