"""The record of a run in a workspace: what happened, in order, bounded, as plain data for a step's ``extra``.

Kinds of events:

- ``turn``: an exchange with the model, as the proxy saw it, with what was new in its prompt;
- ``shell``: a command that the agent ran, with its output, as its scaffold tells;
- ``tool``: a call of one of the workspace's tools;
- ``package``: a file that was fetched from the package index;
- ``start``, ``exit``: a start of the scaffold, and how it ended;
- ``limit``: a limit that the agent's processes reached together;
- ``trouble``: something that went wrong and need not have been the end.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

TEXT_CHARACTERS = 8000
"""Of each text in the record, the beginning and the end."""

EVENTS = 5000
CHARACTERS = 16 * 2**20
"""What a run may write down; an agent that fills the log is counted from there on, not quoted."""


def bounded(text: str, most: int = TEXT_CHARACTERS) -> str:
    """A text without its middle, where it is long."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n[{len(text) - 2 * half} characters left out]\n{text[-half:]}"


@dataclass
class Spent:
    """Tokens of a run.

    Args:
        input_tokens: read in the agent's turns.
        output_tokens: generated in them.
        side_tokens: both, in calls that are no turns of the agent: titles, summaries of other models.
        requests: all requests that were answered.
        is_counted: whether the server counted all of them; otherwise some are estimated.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    side_tokens: int = 0
    requests: int = 0
    is_counted: bool = True

    @property
    def tokens(self) -> int:
        """All tokens."""
        return self.input_tokens + self.output_tokens + self.side_tokens


@dataclass
class Record:
    """Gathers events; `take` hands over those since the last time."""

    spent: Spent = field(default_factory=Spent)
    removed: dict[str, int] = field(default_factory=dict)
    """How often something was taken out of requests, by its name."""
    left_out: int = 0
    """Events that were no longer written down."""
    began: float = field(default_factory=time.monotonic)
    _events: list[dict[str, Any]] = field(default_factory=list)
    _count: int = 0
    _characters: int = 0

    def add(self, kind: str, **facts: Any) -> None:
        """Notes an event with its time, in seconds since the run began."""
        facts = {name: bounded(value) if isinstance(value, str) else value for name, value in facts.items()}
        self._count += 1
        self._characters += _length(facts)
        if self._count > EVENTS or self._characters > CHARACTERS:
            self.left_out += 1
            return
        self._events.append({"kind": kind, "at_s": round(time.monotonic() - self.began, 3), **facts})

    def take(self) -> list[dict[str, Any]]:
        """The events since the last call."""
        events, self._events = self._events, []
        return events


def _length(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_length, value.values()))
    if isinstance(value, list):
        return sum(map(_length, value))
    return 8
