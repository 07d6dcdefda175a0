"""What one request is answered, and its form on the wire.

A text is counted in characters, one token each, and a message costs three more: a count that the client cannot know.
Without a text as many words are said as tokens were asked for, one token each.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

WORD = "one "


@dataclass(frozen=True)
class Reply:
    """How one request is answered.

    Args:
        text: what is said, in two pieces; None for `WORD` as often as was asked, a piece each.
        tokens: how many pieces in place of those that were asked for; a text is said whole.
        first_s: from the request's last byte to the first piece.
        gap_s: between two pieces.
        usage: what the usage says; None for the truth.
        finish_reason: None for ``stop``, or ``length`` where all was said that was asked for.
        reasoning: comes before the text.
        refusal: comes beside it.
        trouble: what goes wrong, one of `REFUSALS` or of those in `stream.py`.
        writes: into how many writes each event is cut; 0 for all events in one.
        framing: chunked, length or close.
        role_first: whether an event without text comes at once.
        status: of HTTP.
        headers: beside the usual ones.
        document: an answer's JSON, in place of all that is said above.
        body: likewise, byte by byte.
        raw: all that goes over the connection, which is closed then.
    """

    text: str | None = None
    tokens: int | None = None
    first_s: float = 0.0
    gap_s: float = 0.0
    usage: Mapping[str, Any] | None = None
    finish_reason: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    trouble: str = ""
    writes: int = 1
    framing: str = "chunked"
    role_first: bool = False
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    document: Any = None
    body: bytes | None = None
    raw: bytes | None = None

    def pieces(self, body: Mapping[str, Any]) -> list[str]:
        """The texts, one an event."""
        if self.text is None:
            return [WORD] * (limit(body) if self.tokens is None else self.tokens)
        half = len(self.text) // 2
        return [self.text[:half], self.text[half:]]

    def counted(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The usage that is told."""
        if self.usage is not None:
            return self.usage
        if self.text is not None:
            return {"prompt_tokens": tokens(body["messages"]), "completion_tokens": len(self.text)}
        prompt = body["messages"][0]["content"] if "messages" in body else body["prompt"]
        return {"prompt_tokens": len(prompt.split()), "completion_tokens": len(self.pieces(body))}

    def ended(self, body: Mapping[str, Any]) -> str:
        """The finish reason."""
        whole = self.text is not None or len(self.pieces(body)) != limit(body)
        return self.finish_reason or ("stop" if whole else "length")

    def message(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a request that asked for no stream."""
        text = "".join(self.pieces(body))
        said: dict[str, Any] = {"role": "assistant", "content": text}
        if body.get("tools"):
            said = {"content": None, "tool_calls": [{"function": {"name": "act", "arguments": text}}]}
        kind = {"message": said} if "messages" in body else {"text": text}
        return {"choices": [{"index": 0, **kind, "finish_reason": self.ended(body)}]}


def limit(body: Mapping[str, Any]) -> int:
    """How many tokens are asked for."""
    most: int = body["max_tokens" if "max_tokens" in body else "max_completion_tokens"]
    return most


def tokens(messages: list[dict[str, Any]]) -> int:
    return sum(len(message["content"] or "") + 3 for message in messages)


def refusal(status: int, reason: str, **headers: str) -> Reply:
    """An error as OpenAI's servers tell it."""
    return Reply(status=status, document={"error": {"message": reason, "code": status}}, headers=headers)


def event(document: Any) -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(document).encode() + b"\n\n"


REFUSALS = {
    "429": Reply(status=429, document={"error": {"message": "slow down"}}, headers={"Retry-After": "0.2"}),
    "quota": Reply(
        status=429,
        document={"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}},
    ),
    "500": Reply(status=500, document={"error": {"message": "the engine hiccuped"}}),
    "401": Reply(status=401, document={"error": {"message": "Incorrect API key provided"}}),
    "400": refusal(400, "this can not be read"),
    "broken": Reply(body=b'{"choices": [{"mess'),
    "html": Reply(body=b"<html>Bad gateway</html>", headers={"Content-Type": "text/html"}),
    "no_http": Reply(raw=b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
}
"""Answers that are none, by the names that tests call them by."""
