"""A scaffold that npm installs: a command of PATH with a native program behind it."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from infraray.workspaces.scaffolds.program import find_program, package_of
from infraray.workspaces.scaffolds.scaffold import Scaffold


class NpmScaffold(Scaffold):
    """The part that is the same for all of them: where the program is."""

    command: ClassVar[str]
    """What npm puts into PATH."""
    native: ClassVar[str]
    """The native program's place, see `find_program`."""
    package: ClassVar[str]
    """npm's name for it."""

    @cached_property
    def _program(self) -> Path | None:
        return find_program(self.command, self.native)

    @property
    def path(self) -> str:
        """The program's path."""
        return str(self._program or self.command)

    def problem(self) -> str | None:
        """Whether the command is in PATH."""
        if self._program is not None:
            return None
        return f"cli:{self.name}: PATH has no {self.command}; run once: npm install -g {self.package}"

    def version(self) -> str | None:
        """The version in the program's ``package.json``, without what names the machine."""
        if self._program is None:
            return None
        try:
            about = json.loads((package_of(self._program) / "package.json").read_text(encoding="utf-8"))
            return str(about["version"]).partition("-")[0]
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def folders(self) -> tuple[Path, ...]:
        """The program's package."""
        return () if self._program is None else (package_of(self._program),)
