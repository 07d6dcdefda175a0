"""The driver's folder and imports, which another process needs before it can do the driver's work."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from infraray.user_file import load_file


@dataclass(frozen=True)
class Imports:
    """A driver's imports beside infraray, and the base of its relative paths.

    Args:
        sources: the content of the user's Python files by path, since not every machine has them.
        path: folders that it imports from.
        folder: its working directory; "" for that of the process that asks.
    """

    sources: Mapping[str, bytes] = field(default_factory=dict)
    path: Sequence[str] = ()
    folder: str = ""

    @classmethod
    def of_this_process(cls, sources: Mapping[str, bytes]) -> Imports:
        """The imports that other processes need to work for this one."""
        return cls(sources, tuple(sys.path), os.getcwd())

    def enter(self) -> None:
        """Changes to the driver's folder, if this machine has it."""
        if os.path.isdir(self.folder):
            os.chdir(self.folder)

    def load(self) -> None:
        """Imports in this process what the driver has imported; a second call costs nothing.

        Raises:
            InfrarayError: one of the user's files does not import here.
        """
        self.enter()
        sys.path += [folder for folder in self.path if folder not in sys.path]
        for path, source in self.sources.items():
            load_file(path, source)


NO_IMPORTS = Imports()
