"""What a scripted model does in one turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Turn:
    """One turn; without a command or a tool it is the agent's last.

    Args:
        text: what is said.
        command: what the client's own shell tool is to run, whatever that is called.
        tool: a tool by name, and its arguments; it need not be one that the client offered.
        status: of HTTP; other than 200 a refusal with the text as its reason.
        headers: beside the usual ones.
        trouble: ``hang`` (no answer ever), ``cut`` (the connection is closed in the middle of the stream), ``rubbish``
            (an answer that is no JSON and no event), ``wait`` (nothing is said until `ScriptedModel.go_on`), ``stall``
            (half of the stream is sent, the other half after it).
    """

    text: str = ""
    command: str | None = None
    tool: tuple[str, Mapping[str, Any]] | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    trouble: Literal["", "hang", "cut", "rubbish", "wait", "stall"] = ""


def say(text: str) -> Turn:
    """Says something and calls no tool, which ends the agent's work."""
    return Turn(text)


def shell(command: str, text: str = "") -> Turn:
    """Runs a command with the client's shell tool."""
    return Turn(text, command=command)


def call(tool: str, **arguments: Any) -> Turn:
    """Calls a tool by name."""
    return Turn(tool=(tool, arguments))


def refuse(status: int, reason: str, **headers: str) -> Turn:
    """Refuses the request; ``retry_after="1"`` becomes the header Retry-After."""
    return Turn(reason, status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})


def cut(text: str) -> Turn:
    """Says half of a text; then the connection is gone."""
    return Turn(text, trouble="cut")


def hang() -> Turn:
    """Never answers."""
    return Turn(trouble="hang")


def rubbish() -> Turn:
    """Answers what is in no protocol."""
    return Turn(trouble="rubbish")
