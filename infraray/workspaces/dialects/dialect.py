"""A protocol of language models, as far as a proxy must understand it: what it forwards, and what it records."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from infraray.protocol.answers import spoken


@dataclass
class Call:
    """A tool that the model calls, with its arguments as text."""

    name: str
    arguments: str = ""


@dataclass
class Answer:
    """What a model answered, gathered from a document or from the events of a stream.

    Args:
        text: what it said.
        reasoning: what it thought, where the server tells.
        calls: its tool calls, by what identifies them.
        input_tokens: tokens of the prompt, those read from the provider's cache included; None if not told.
        output_tokens: tokens generated; None if not told.
        ended: the server's word for the end.
        error: what went wrong, as the server states it inside an answer of status 200.
        is_whole: whether the protocol's last event has come.
    """

    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    calls: dict[Any, Call] = field(default_factory=dict)
    input_tokens: int | None = None
    output_tokens: int | None = None
    ended: str | None = None
    error: str | None = None
    is_whole: bool = False


class Dialect(ABC):
    """One protocol.

    Args:
        path: of a request, below ``/v1``.
        ran_by_us: types of tools that the agent's own side runs; the provider would run any other.
    """

    path: ClassVar[str]
    name: ClassVar[str]
    ran_by_us: ClassVar[tuple[str, ...]]

    @abstractmethod
    def headers(self, key: str, is_anthropic: bool) -> dict[str, str]:
        """The headers that carry a key."""

    @abstractmethod
    def clean(self, request: dict[str, Any]) -> list[str]:
        """Removes, in place, what the provider would run or fetch by itself; names what was removed."""

    @abstractmethod
    def turns(self, request: Mapping[str, Any]) -> list[dict[str, str]]:
        """The conversation as flat messages, for the record: ``role`` and ``content``."""

    @abstractmethod
    def limit(self, request: dict[str, Any], tokens: int) -> None:
        """Lowers, in place, the limit of the answer's tokens to what may still be spent."""

    @abstractmethod
    def take(self, answer: Answer, document: Mapping[str, Any]) -> None:
        """Adds a stream's event to an answer."""

    @abstractmethod
    def read(self, document: Mapping[str, Any]) -> Answer:
        """The answer in a whole document."""

    @abstractmethod
    def error(self, status: int, reason: str) -> dict[str, Any]:
        """An error of ours in the protocol's form."""

    @abstractmethod
    def error_events(self, reason: str) -> bytes:
        """The same, inside a stream that has begun."""


def keep_tools(request: dict[str, Any], is_ours: Callable[[Mapping[str, Any]], bool]) -> list[str]:
    """Removes the tools that the provider would run; names what was removed."""
    tools = request.get("tools")
    if not isinstance(tools, list):
        return []
    kept = [tool for tool in tools if isinstance(tool, Mapping) and is_ours(tool)]
    removed = [_tool_name(tool) for tool in tools if tool not in kept]
    if not kept:
        request.pop("tools")
        request.pop("tool_choice", None)
    elif removed:
        request["tools"] = kept
        choice = request.get("tool_choice")
        if isinstance(choice, Mapping) and (choice.get("type") or choice.get("name")) in removed:
            request.pop("tool_choice")
    return removed


def drop(request: dict[str, Any], names: Iterable[str]) -> list[str]:
    """Removes fields; names those that were there."""
    return [name for name in names if request.pop(name, None)]


def without_urls(value: Any, removed: list[str]) -> Any:
    """A part of a request without addresses that the provider would fetch: images, files, documents."""
    if isinstance(value, list):
        return [without_urls(part, removed) for part in value]
    if not isinstance(value, Mapping):
        return value
    for name in ("image_url", "file_url", "video_url", "input_audio", "source", "url"):
        given = value.get(name)
        address = given.get("url") if isinstance(given, Mapping) else given
        if isinstance(address, str) and address.split(":", 1)[0].lower() in ("http", "https", "ftp", "s3", "gs"):
            removed.append(name)
            return {"type": _TEXT_TYPE.get(str(value.get("type")), "text"), "text": f"[{name} was removed]"}
    return {name: without_urls(part, removed) for name, part in value.items()}


_TEXT_TYPE = {"input_image": "input_text", "input_file": "input_text"}


def told(content: Any) -> str:
    """The text in a message's content, whatever its parts are called."""
    if isinstance(content, list):
        return "\n".join(filter(None, (told(part) for part in content)))
    if isinstance(content, Mapping):
        for name in ("text", "content", "output", "arguments", "input", "thinking"):
            if name in content:
                return told(content[name])
        return ""
    if content is None:
        return ""
    try:
        return "".join(spoken(content))
    except TypeError:
        return str(content)


def _tool_name(tool: Any) -> str:
    return str(tool.get("type") or tool.get("name") or "?") if isinstance(tool, Mapping) else "?"
