"""Our own small agent: ReAct with a shell and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from infraray.isolation.packages import interpreter
from infraray.workspaces.scaffolds.events import Ended, Event, Failure, Said, ShellCommand, Trouble
from infraray.workspaces.scaffolds.scaffold import Launch, Reader, Scaffold, Workplace

PROGRAM = Path(__file__).parents[1] / "inside" / "react.py"


class Shell(Scaffold):
    """One block with a command in each answer, its output in each reply.

    Args:
        max_tokens: of one answer.
        command_timeout_s: seconds that one command may take.
    """

    name = "shell"
    calls_tools: ClassVar[bool] = False

    def __init__(self, max_tokens: int = 2048, command_timeout_s: int = 600) -> None:
        self.max_tokens = max_tokens
        self.command_timeout_s = command_timeout_s

    def start(self, at: Workplace) -> Launch:
        """Starts it; the conversation that it finds in its HOME goes on."""
        program = at.home / "react.py"
        variables = {
            "MODEL": at.model,
            "BASE_URL": at.base_url,
            "MAX_TOKENS": str(self.max_tokens),
            "COMMAND_TIMEOUT_S": str(self.command_timeout_s),
        }
        argv = (str(interpreter()), "-I", "-B", "-u", str(program))
        return Launch(argv, variables, {program: PROGRAM.read_text()})

    def resume(self, at: Workplace, session: str | None) -> Launch:
        """The same, with its conversation."""
        return self.start(at)

    def reader(self) -> Reader:
        """Reads its lines."""
        return ShellReader()


class ShellReader(Reader):
    """Reads the objects that `infraray.workspaces.inside.react` prints."""

    def read(self, line: str) -> list[Event]:
        """The event of one line; whatever else is printed there is none."""
        try:
            told: Any = json.loads(line)
        except ValueError:
            return []
        if not isinstance(told, Mapping):
            return []
        match told.get("kind"):
            case "said":
                return [Said(str(told.get("text")))]
            case "command":
                code = told.get("exit_code")
                output = str(told.get("output"))
                return [ShellCommand(str(told.get("command")), output, code if isinstance(code, int) else None)]
            case "error":
                is_refusal = told.get("status") in (400, 413, 422)
                failure = Failure.MODEL_REFUSED if is_refusal else Failure.MODEL_UNREACHABLE
                return [Trouble(failure, str(told.get("text"))), Ended(failure, str(told.get("text")))]
            case "end":
                return [Ended()]
        return []
