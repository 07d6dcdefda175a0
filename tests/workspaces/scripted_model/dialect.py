"""What the three protocols have in common: requests offer tools, an answer says a text and calls some of them."""

from __future__ import annotations

import json
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

SHELLS = ("Bash", "bash", "exec_command", "shell_command", "shell", "local_shell", "container.exec")
"""The names of the clients' tools that run a command."""


@dataclass(frozen=True)
class Answer:
    """What is answered to one request.

    Args:
        text: empty for none.
        tool: the name and the arguments of the tool that is called, or None.
        id: unique, as clients merge what has equal ids.
        model: as the request named it.
        input_tokens: what the prompt is said to have.
        output_tokens: what the answer is said to have.
    """

    text: str
    tool: tuple[str, Mapping[str, Any]] | None
    id: str
    model: str
    input_tokens: int
    output_tokens: int


class Dialect(ABC):
    """One protocol."""

    path: ClassVar[str]
    """Of its requests, after the server's address."""

    @abstractmethod
    def offered(self, body: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        """The JSON schemas of the tools that a request offers, by name."""

    @abstractmethod
    def document(self, answer: Answer) -> dict[str, Any]:
        """The answer to a request that wants no stream."""

    @abstractmethod
    def events(self, answer: Answer) -> Iterator[bytes]:
        """The answer as events of a stream."""

    @abstractmethod
    def refusal(self, status: int, reason: str) -> dict[str, Any]:
        """What is said with a status other than 200."""

    @abstractmethod
    def said(self, body: Mapping[str, Any]) -> list[str]:
        """The texts of a request's conversation, the tools' outputs among them, in order."""

    def is_side_call(self, body: Mapping[str, Any]) -> bool:
        """Whether a request is none of the agent's turns, such as one for a title: those offer no shell."""
        return not any(name in SHELLS for name in self.offered(body))

    def shell_call(self, body: Mapping[str, Any], command: str) -> tuple[str, dict[str, Any]]:
        """The call of the client's shell tool that runs a command."""
        offered = self.offered(body)
        name = next(name for name in SHELLS if name in offered)
        schema = offered[name]
        properties = schema["properties"]
        key = "cmd" if "cmd" in properties else "command"
        whole = properties[key].get("type") != "array"
        others = (other for other in schema.get("required", ()) if other != key)
        return name, {key: command if whole else ["bash", "-lc", command], **dict.fromkeys(others, "runs a command")}


def event(data: Mapping[str, Any], name: str = "") -> bytes:
    """One event of a stream."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data)}\n\n".encode()


def new_id(prefix: str) -> str:
    """An id that no other answer has."""
    return f"{prefix}_{uuid.uuid4().hex[:24]}"


def halves(text: str) -> tuple[str, str]:
    """A text in two pieces, as a stream brings it."""
    return text[: len(text) // 2], text[len(text) // 2 :]
