"""Any program as a scaffold: ``cli:COMMAND``.

It finds the mission on its standard input, and where its model answers in the variables that clients of the protocols
read. It has no conversation that we could name: a further start is the same command with the next text.
"""

from __future__ import annotations

import os
import shlex
import shutil
from pathlib import Path

from infraray.errors import InfrarayError
from infraray.workspaces.scaffolds.events import Event, Said
from infraray.workspaces.scaffolds.scaffold import Launch, Reader, Scaffold, Workplace


class Command(Scaffold):
    """A command.

    Args:
        command: program and arguments, quoted as in a shell.

    Raises:
        InfrarayError: the quotes do not match, or it is empty.
    """

    name = "command"

    def __init__(self, command: str) -> None:
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise InfrarayError(f"cli:{command}: {error}; quote it as in a shell") from None
        if not self._words:
            raise InfrarayError("cli: name a scaffold or a command after the colon")
        self.command = command

    def problem(self) -> str | None:
        """Whether its program is there."""
        if shutil.which(self._words[0]) is not None:
            return None
        return f"cli:{self.command}: there is no program {self._words[0]!r}; give its path, or a name that PATH has"

    def folders(self) -> tuple[Path, ...]:
        """Where the program is, unless every sandbox has it."""
        found = shutil.which(self._words[0])
        if found is None:
            return ()
        folder = Path(os.path.abspath(found)).parent
        return () if folder.is_relative_to("/usr") or folder.is_relative_to("/bin") else (folder,)

    def start(self, at: Workplace) -> Launch:
        """The command."""
        found = shutil.which(self._words[0])
        program = self._words[0] if found is None else os.path.abspath(found)
        env = {
            "MODEL": at.model,
            "OPENAI_MODEL": at.model,
            "OPENAI_BASE_URL": f"{at.base_url}/v1",
            "OPENAI_API_KEY": "none",
            "ANTHROPIC_MODEL": at.model,
            "ANTHROPIC_BASE_URL": at.base_url,
            "ANTHROPIC_AUTH_TOKEN": "none",
        }
        return Launch([program, *self._words[1:]], env)

    def resume(self, at: Workplace, session: str | None) -> Launch:
        """The same command."""
        return self.start(at)

    def reader(self) -> Reader:
        """Every line is something said."""
        return LineReader()


class LineReader(Reader):
    """Reads plain text."""

    def read(self, line: str) -> list[Event]:
        """What the line says; nothing if it is blank."""
        return [Said(line)] if line.strip() else []
