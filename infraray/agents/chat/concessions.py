"""Concessions: what a request can do without, so that a server that refuses it can still be played with.

A concession is the name of an option, or a change to the messages. Each is tried when the server's words point at it;
if the server then accepts the request, the concession is made from then on.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from infraray.agents.chat.messages import Message

SYSTEM_ROLE = "system role"
"""The task goes at the head of the first user message; consecutive messages of one role become one."""

EMPTY_ANSWERS = "empty answers"
"""An empty message of the model's is replaced by words that say so."""

NOTHING_SAID = "(no answer)"

ANSWER_FORMATS = ("response_format", "tools")
"""Options that change how an answer is read: a strategy must know when they are refused."""

_ESSENTIAL = ("model", "messages")
_SYSTEM = re.compile(r"system|\brole|alternat|first message", re.IGNORECASE)
_EMPTY = re.compile(
    r"empty|blank|whitespace|content|assistant|null|at least (?:1|one)\b|too short|length", re.IGNORECASE
)


def suspects(words: str, sent: Collection[str]) -> Iterator[str]:
    """The concessions that a server's refusal points at, likeliest first.

    Args:
        words: the server's, including the name of the culprit.
        sent: the request, or the names of its options.
    """
    for option in sorted((name for name in sent if name not in _ESSENTIAL), key=ANSWER_FORMATS.__contains__):
        if _names(words, option):
            yield option
    messages = sent["messages"] if isinstance(sent, Mapping) else ()
    if _EMPTY.search(words) and any(_is_empty(message) for message in messages):
        yield EMPTY_ANSWERS
    if _SYSTEM.search(words) and any(message["role"] == "system" for message in messages):
        yield SYSTEM_ROLE


def made_in(request: Mapping[str, Any], conceded: Collection[str]) -> list[str]:
    """The concessions that change a request's meaning; a new name for ``max_tokens`` does not."""
    concerned = {*request, *(("max_completion_tokens",) if "max_tokens" in request else ())} - {"max_tokens"}
    if any(message["role"] == "system" for message in request["messages"]):
        concerned.add(SYSTEM_ROLE)
    if any(_is_empty(message) for message in request["messages"]):
        concerned.add(EMPTY_ANSWERS)
    return sorted(concerned.intersection(conceded))


def as_sent(request: Mapping[str, Any], conceded: Collection[str]) -> dict[str, Any]:
    """The request as it is sent: streamed, with usage, and with all concessions made."""
    body = {name: value for name, value in request.items() if name not in conceded}
    if "tools" in conceded:
        body.pop("tool_choice", None)
    if "max_tokens" in conceded and "max_tokens" in request and "max_completion_tokens" not in conceded:
        body["max_completion_tokens"] = request["max_tokens"]
    if "stream" not in conceded:
        body["stream"] = True
        if "stream_options" not in conceded:
            body["stream_options"] = {"include_usage": True}
    if EMPTY_ANSWERS in conceded:
        body["messages"] = [
            {**message, "content": NOTHING_SAID} if _is_empty(message) else message for message in body["messages"]
        ]
    if SYSTEM_ROLE in conceded:
        body["messages"] = _without_system(body["messages"])
    return body


def _names(words: str, option: str) -> bool:
    """Whether words name an option, in its own spelling or as English does: "response format", "streaming"."""
    pattern = option.replace("_", "[ _-]?")
    if option == "stream":
        pattern = r"stream(?:ing|ed)?(?![ _-]?options)"
    return re.search(rf"(?<![^\W_]){pattern}(?![^\W_]|_\w)", words, re.IGNORECASE) is not None


def _is_empty(message: Message) -> bool:
    return message["role"] == "assistant" and not message["content"].strip()


def _without_system(messages: list[Message]) -> list[Message]:
    merged: list[Message] = []
    for message in messages:
        told: Message = {**message, "role": "user"} if message["role"] == "system" else message
        if merged and merged[-1]["role"] == told["role"]:
            merged[-1] = {**told, "content": f"{merged[-1]['content']}\n\n{told['content']}"}
        else:
            merged.append(told)
    return merged
