"""The parts of an answer that servers spell in more than one way: its text, its tokens, its tool calls, its end."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_MOST_TOKENS = 2**62
"""Beyond any real count; stored counts have 64 bits."""

_TEXTS = ("text", "output_text", "")
_THOUGHTS = ("thinking", "reasoning", "reasoning_content", "thought")
_NO_REASON = ("", "null", "none")


def token_count(usage: Any, name: str) -> int | None:
    """One count of a usage report, whatever its other fields hold; None if it is not a whole number >= 0."""
    count = usage.get(name) if isinstance(usage, Mapping) else None
    if not isinstance(count, int) or isinstance(count, bool):
        return None
    return count if 0 <= count <= _MOST_TOKENS else None


def first_choice(choices: Any) -> Any:
    """The requested choice, even if a server sends more; an empty one if there are only others.

    Raises:
        TypeError: they are not choices.
        AttributeError: likewise.
    """
    ours = [choice for position, choice in enumerate(choices) if choice.get("index", position) in (0, None)]
    return ours[0] if ours else {}


def message_of(choice: Mapping[str, Any]) -> Any:
    """The content of a choice: a stream's delta or a whole message."""
    delta = choice.get("delta")
    return (choice.get("message") if delta is None else delta) or {}


def finish_reason(choice: Mapping[str, Any]) -> str | None:
    """The reason why a choice ended, in the server's word; None if it has not ended."""
    reason = choice.get("finish_reason")
    if isinstance(reason, Mapping):  # SGLang's own form
        reason = reason.get("type")
    if reason is None or str(reason).lower() in _NO_REASON:
        return None
    return str(reason)


def reasoning_of(said: Mapping[str, Any]) -> Any:
    """A message's reasoning, which some servers send twice, under its old and its new name."""
    return said.get("reasoning_content") or said.get("reasoning")


def spoken(*contents: Any) -> tuple[str, str, str]:
    """The text, thoughts and refusal in contents, each of which is a text, a list of parts, a single part or None.

    Raises:
        TypeError: one is something else.
    """
    if all(content is None or isinstance(content, str) for content in contents):
        return "".join(content for content in contents if content), "", ""
    parts = [part for content in contents for part in _parts(content)]
    texts, thoughts, refusals = [], [], []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        if not isinstance(part, Mapping):
            raise TypeError(f"text {parts!r:.80}")
        kind = part.get("type") or ""
        if kind in _TEXTS:
            texts.append(_plain(part.get("text")))
        elif kind in _THOUGHTS:
            thoughts.append(_plain(next((part[name] for name in (*_THOUGHTS, "text") if part.get(name)), None)))
        elif kind == "refusal":
            refusals.append(_plain(part.get("refusal")))
    return "".join(texts), "".join(thoughts), "".join(refusals)


def _parts(content: Any) -> list[Any]:
    if content is None:
        return []
    return content if isinstance(content, list) else [content]


def _plain(content: Any) -> str:
    """A part's text, which may consist of parts again, as Mistral's thoughts do."""
    return "".join(spoken(content)) if content else ""


@dataclass
class ToolCalls:
    """The arguments of an answer's first tool call, gathered from its deltas or taken from a whole message.

    A call is identified by its index, or else by its id; a delta with neither continues the previous call. If an index
    comes with a second id, the server gives all its calls the same index.
    """

    arguments: list[str] = field(default_factory=list)
    begun: bool = False
    _first: tuple[Any, Any] = (None, None)
    _is_first: bool = True

    def take(self, said: Mapping[str, Any]) -> bool:
        """Adds the calls of a message or a delta; returns whether there were any.

        Raises:
            TypeError: they are not calls.
            AttributeError: likewise.
        """
        calls = said.get("tool_calls") or []
        if not isinstance(calls, list):
            raise TypeError(f"tool calls {calls!r:.80}")
        if not calls and said.get("function_call"):
            calls = [{"index": 0, "function": said["function_call"]}]  # the form before tools existed
        for position, call in enumerate(calls):
            index, identity, function = call.get("index"), call.get("id") or None, call.get("function") or {}
            if not self.begun:
                self.begun, self._first = True, (index, identity)
            elif index is not None or identity is not None or position:
                self._is_first = self._goes_on(index, identity)
            if self._is_first:
                self.arguments.append(_as_text(function.get("arguments")))
        return bool(calls)

    def _goes_on(self, index: Any, identity: Any) -> bool:
        """Whether a call is the first."""
        first_index, first_identity = self._first
        if identity is not None and first_identity is not None:
            return bool(identity == first_identity)
        return index is not None and bool(index == first_index)


def _as_text(arguments: Any) -> str:
    """Arguments as text, as they should be; some servers send the object itself."""
    if arguments is None:
        return ""
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
