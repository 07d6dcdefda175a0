"""What a model answered, read from a stream of server-sent events or from one JSON document."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from infraray.agents.chat.failures import TransientFailure, server_reason
from infraray.answers import split_thoughts
from infraray.characters import whole_characters


@dataclass(frozen=True)
class Completion:
    """One answer.

    Args:
        text: what was said, without reasoning.
        reasoning: what the model thought before, where the server gives it or the text marks it.
        called: the arguments of the first tool call, as JSON text.
        finish_reason: why it ended.
        input_tokens: tokens of the prompt as the server counted them, None where it does not.
        output_tokens: tokens of the answer, likewise.
        latency_s: from sending the request that succeeded to its end.
        time_to_first_token_s: to the first text, None without a stream.
        retries: requests that failed before.
        waited_s: seconds between the first request and the one that succeeded.
        left_out: options that the server does not take.
        refusal: why the model would not answer, in its words, where the server gives them apart.
        cached: whether it came from the cache; the times are then those of the original.
    """

    text: str
    reasoning: str | None
    called: str | None
    finish_reason: str | None
    input_tokens: int | None
    output_tokens: int | None
    latency_s: float
    time_to_first_token_s: float | None
    retries: int = 0
    waited_s: float = 0.0
    left_out: tuple[str, ...] = ()
    refusal: str | None = None
    cached: bool = False

    @property
    def is_cut(self) -> bool:
        """Whether the model was stopped before it had ended."""
        return self.finish_reason in ("length", "content_filter")


@dataclass
class _Parts:
    """An answer as far as it has come."""

    started: float
    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    called: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    finish_reason: str | None = None
    usage: Mapping[str, Any] = field(default_factory=dict)
    first_token_at: float | None = None

    def take(self, document: Any, part: str) -> None:
        """Adds a chunk (``part`` is "delta") or a whole answer ("message")."""
        if not isinstance(document, dict):
            raise TransientFailure("the server sent JSON that is no answer")
        if document.get("error"):
            raise TransientFailure(f"the server broke off: {server_reason(document, 'no reason')}")
        self.usage = document.get("usage") or self.usage
        choices = document.get("choices")
        if not choices:
            return
        try:
            choice = choices[0]
            said = choice.get(part) or {}
            reasoning = said.get("reasoning_content") or said.get("reasoning")
            text = said.get("content")
            calls = said.get("tool_calls")
            if text:
                self.text.append(text)
            if refusal := said.get("refusal"):
                self.refusal.append(refusal)
            if reasoning:
                self.reasoning.append(reasoning)
            if calls and calls[0].get("index", 0) == 0:
                self.called.append(calls[0]["function"].get("arguments") or "")
            if self.first_token_at is None and (text or reasoning or calls):
                self.first_token_at = time.perf_counter()
            self.finish_reason = choice.get("finish_reason") or self.finish_reason
        except (AttributeError, KeyError, IndexError, TypeError):
            raise TransientFailure("the server sent JSON that is no answer") from None

    def finish(self, streamed: bool) -> Completion:
        """The whole answer."""
        try:
            text = whole_characters("".join(self.text))
            reasoning = whole_characters("".join(self.reasoning))
            called = whole_characters("".join(self.called)) if self.called else None
            refusal = whole_characters("".join(self.refusal)) if self.refusal else None
        except TypeError:
            raise TransientFailure("the server sent JSON that is no answer") from None
        said, thoughts = split_thoughts(text)
        if said != text.strip():
            text = said
            reasoning += thoughts
        ended = time.perf_counter()
        first = self.first_token_at - self.started if streamed and self.first_token_at is not None else None
        return Completion(
            text,
            reasoning or None,
            called,
            self.finish_reason,
            self.usage.get("prompt_tokens"),
            self.usage.get("completion_tokens"),
            ended - self.started,
            first,
            refusal=refusal,
        )


def read_document(content: bytes, started: float) -> Completion:
    """Reads an answer that came in one piece.

    Raises:
        TransientFailure: it is broken.
    """
    parts = _Parts(started)
    parts.take(_json(content), "message")
    if parts.finish_reason is None and not (parts.text or parts.called or parts.refusal):
        raise TransientFailure("the server sent JSON that is no answer")
    return parts.finish(streamed=False)


async def read_stream(chunks: AsyncIterator[bytes], started: float) -> Completion:
    """Reads an answer from server-sent events.

    Raises:
        TransientFailure: the stream ends before the answer does, or is broken.
    """
    parts = _Parts(started)
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                data = line[5:].strip()
                if data == b"[DONE]":
                    if parts.finish_reason is None and not (parts.text or parts.refusal):
                        raise TransientFailure("the server ended its answer before it began")
                    return parts.finish(streamed=True)
                parts.take(_json(data), "delta")
    if parts.finish_reason is None:
        raise TransientFailure("the server closed the connection in the middle of its answer")
    return parts.finish(streamed=True)


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        raise TransientFailure("the server sent broken JSON") from None
