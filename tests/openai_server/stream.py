"""A reply as a stream of events over a connection, and what may go wrong with it on the way.

Troubles: ``hang`` (no answer ever), ``drop`` (the connection is closed without one), ``close_after`` (closed after the
answer); ``cut`` (closed in the middle), ``bad_chunk`` and ``negative_chunk`` (no HTTP from the middle on); the names of
`DAMAGE` (that in place of the event in the middle); ``no_text``, ``no_reason`` and ``no_usage`` (each left out);
``comment`` and ``trailer``, which the protocol allows.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any

from tests.openai_server.reply import Reply, event

DAMAGE = {
    "broken_json": b'data: {"choices": [{"del\n\n',
    "no_event": b"data: 17\n\n",
    "error_event": b'data: {"error": {"message": "the engine died"}}\n\n',
    "deep_json": b"data: " + b"[" * 100_000 + b"\n\n",
    "list_for_text": b'data: {"choices": [{"delta": {"reasoning": [1], "content": [2]}}]}\n\n',
}
NO_CHUNKS = {"bad_chunk": b"zz\r\nhello\r\n", "negative_chunk": b"-6\r\n"}


class Broken(Exception):
    """The connection is over."""


class Stream:
    """The events of one reply to one request.

    Args:
        reply: says what and when.
        body: the request's.
        with_usage: whether the usage is told where it was asked for.
        writer: of the connection.
    """

    def __init__(self, reply: Reply, body: Mapping[str, Any], with_usage: bool, writer: asyncio.StreamWriter) -> None:
        self.reply, self.body, self.writer = reply, body, writer
        self.chat = "messages" in body
        wanted = with_usage and (body.get("stream_options") or {}).get("include_usage")
        self.with_usage = wanted and reply.trouble != "no_usage"

    async def send(self, texts_s: list[float]) -> None:
        """Sends all; when each text went out is added to ``texts_s``."""
        reply, pieces = self.reply, self.reply.pieces(self.body)
        before, after = list(self._before()), list(self._after())
        said = [self._said(None if reply.trouble == "no_text" else piece) for piece in pieces]
        self._begin(sum(map(len, [*before, *said, *after])))
        if reply.writes == 0:
            self.writer.write(self._framed(b"".join([*before, *said, *after])))
            return await self._end()
        for content in before:
            await self._send(content)
        began = time.perf_counter()
        events = [*said, *after]
        for number, content in enumerate(events):
            if number < len(said):
                await asyncio.sleep(max(0.0, began + reply.first_s + number * reply.gap_s - time.perf_counter()))
                texts_s.append(time.perf_counter())
            await self._send(await self._harmed(content) if number == len(said) // 2 else content)
        await self._end()

    def _before(self) -> Iterator[bytes]:
        if self.reply.role_first or (self.chat and self.reply.text is not None):
            yield self._delta({"role": "assistant", "content": ""})
        if self.reply.reasoning is not None:
            yield self._delta({"reasoning_content": self.reply.reasoning})
        if self.reply.refusal is not None:
            yield self._delta({"refusal": self.reply.refusal})

    def _said(self, text: str | None) -> bytes:
        if self.body.get("tools"):
            return self._delta({"tool_calls": [{"index": 0, "function": {"arguments": text}}]})
        return self._delta({"role": "assistant", "content": ""} if text is None else {"content": text})

    def _after(self) -> Iterator[bytes]:
        if self.reply.trouble != "no_reason":
            yield self._delta({}, self.reply.ended(self.body))
        if self.with_usage:
            yield event({"choices": [], "usage": self.reply.counted(self.body)})
        yield b"data: [DONE]\n\n"

    def _delta(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        said = {"delta": delta} if self.chat else {"text": delta.get("content", "")}
        return event({"id": "x", "choices": [{"index": 0, **said, "finish_reason": reason}]})

    async def _harmed(self, content: bytes) -> bytes:
        trouble = self.reply.trouble
        if trouble == "cut":
            self.writer.transport.abort()
            raise Broken
        if trouble in NO_CHUNKS:
            self.writer.write(NO_CHUNKS[trouble])
            raise Broken
        if trouble == "comment":
            await self._send(b": still here\n\n")
        return DAMAGE.get(trouble, content)

    def _begin(self, length: int) -> None:
        framing = {
            "chunked": "Transfer-Encoding: chunked",
            "length": f"content-length: {length}",
            "close": "Connection: close",
        }[self.reply.framing]
        kind = "Content-Type: text/event-stream; charset=utf-8"
        self.writer.write(f"HTTP/1.1 200 OK\r\n{kind}\r\n{framing}\r\n\r\n".encode())

    def _framed(self, content: bytes) -> bytes:
        return b"%x\r\n%s\r\n" % (len(content), content) if self.reply.framing == "chunked" else content

    async def _send(self, content: bytes) -> None:
        content = self._framed(content)
        size = -(-len(content) // self.reply.writes)
        for start in range(0, len(content), size):
            self.writer.write(content[start : start + size])
            await self.writer.drain()
            if self.reply.writes > 1:
                await asyncio.sleep(0.001)

    async def _end(self) -> None:
        if self.reply.framing == "chunked":
            self.writer.write(b"0\r\nX-Trailer: yes\r\n\r\n" if self.reply.trouble == "trailer" else b"0\r\n\r\n")
        await self.writer.drain()
