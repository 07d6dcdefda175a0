"""Commands and their results, in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from infraray.environment import TEXT_CHARACTERS

MAX_HISTORY = 40
"""Number of past commands listed for an agent."""

MAX_COMMAND_CHARACTERS = 200
"""Characters of a past command."""

Executed = TypeVar("Executed")


class Ended(Protocol):
    """The result of a command."""

    @property
    def exit_code(self) -> int | None:
        """None if it was ended."""

    @property
    def ended(self) -> str | None:
        """Why it was ended; None if it ended by itself."""


def describe_ending(result: Ended) -> str:
    """How a command ended."""
    return f"ended: {result.ended}" if result.ended is not None else f"exit code {result.exit_code}"


def printable(output: str, limit: int) -> str:
    """An output as shown to an agent: without characters that break terminals or JSON, of a long one both ends."""
    shown = "".join(character if character in TEXT_CHARACTERS else "?" for character in output)
    if len(shown) <= limit:
        return shown
    tail = limit // 3
    left_out = len(shown) - limit
    return f"{shown[: limit - tail]}\n... {left_out} characters are left out ...\n{shown[-tail:]}"


def one_line(command: str) -> str:
    """A command as a list of them shows it."""
    shown = " ".join(command.split())
    return shown if len(shown) <= MAX_COMMAND_CHARACTERS else f"{shown[: MAX_COMMAND_CHARACTERS - 3]}..."


def history(executed: Sequence[Executed], describe: Callable[[Executed], str]) -> list[str]:
    """The latest commands, a numbered line each."""
    first = max(0, len(executed) - MAX_HISTORY)
    lines = [f"({first} earlier ones are left out)"] if first else []
    return lines + [f"{number}. {describe(one)}" for number, one in enumerate(executed[first:], start=first + 1)]
