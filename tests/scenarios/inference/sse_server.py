"""A streaming server on plain sockets that notes when it did what, and can be as hostile as a test wants.

It answers each request with the tokens ``"one "``, as the request's script says, and runs on a
thread with an event loop of its own.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

WORD = "one "


@dataclass(frozen=True)
class Script:
    """How one request is answered.

    Args:
        first_s: from the request's last byte to the first text.
        gap_s: between two texts.
        tokens: texts that are sent; None for as many as asked.
        trouble: what goes wrong, see `Server._answer`.
        usage: what the usage says; None for the truth.
        pieces: into how many writes each event is cut.
        framing: chunked, length or close.
        role_first: whether an event without text comes at once.
        refusal: why the request is refused, with status 400.
    """

    first_s: float = 0.0
    gap_s: float = 0.0
    tokens: int | None = None
    trouble: str = ""
    usage: dict[str, int] | None = None
    pieces: int = 1
    framing: str = "chunked"
    role_first: bool = False
    refusal: str = ""


@dataclass
class Seen:
    """What the server noted of one request; times are of `time.perf_counter`."""

    body: dict[str, Any]
    received_s: float
    texts_s: list[float] = field(default_factory=list)
    finished_s: float = 0.0


class Server:
    """Use as a context manager; `seen` is in the order in which requests came."""

    def __init__(self, script: Callable[[int, dict[str, Any]], Script] | None = None) -> None:
        self.script = script or (lambda number, body: Script())
        self.models: list[dict[str, str]] | None = [{"id": "m"}]
        """What it says that it serves; None where it has no such list."""
        self.key: str | None = None
        """What it asks of everybody."""
        self.seen: list[Seen] = []
        self.connections = 0
        self.in_flight = 0
        self.most_in_flight = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Server:
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)))
        self._thread.start()
        assert ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, backlog=4096)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._over.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if self.key is not None and f"Authorization: Bearer {self.key}\r\n".encode() not in head:
                    await self._say(writer, b"401 Unauthorized", {"error": {"message": "no such key"}})
                    break
                if head.startswith(b"GET"):
                    known = head.startswith(b"GET /v1/models ") and self.models is not None
                    status = b"200 OK" if known else b"404 Not Found"
                    await self._say(writer, status, {"data": self.models} if known else {"detail": "Not Found"})
                    continue
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                body = json.loads(await reader.readexactly(length))
                seen = Seen(body, time.perf_counter())
                self.seen.append(seen)
                self.in_flight += 1
                self.most_in_flight = max(self.most_in_flight, self.in_flight)
                try:
                    script = self.script(len(self.seen) - 1, body)
                    await self._answer(script, body, seen, writer)
                finally:
                    self.in_flight -= 1
                    seen.finished_s = time.perf_counter()
                if script.framing == "close" or script.trouble == "close_after":
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _say(self, writer: asyncio.StreamWriter, status: bytes, document: object) -> None:
        content = json.dumps(document).encode()
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(content), content))
        await writer.drain()

    async def _answer(self, script: Script, body: dict[str, Any], seen: Seen, writer: asyncio.StreamWriter) -> None:
        trouble = script.trouble
        if script.refusal:
            return await self._say(writer, b"400 Bad Request", {"error": {"message": script.refusal}})
        if trouble == "429":
            return await self._say(writer, b"429 Too Many Requests", {"error": {"message": "slow down"}})
        if trouble == "no_http":
            writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
            return await writer.drain()
        if trouble == "hang":
            await asyncio.sleep(3600)
        if trouble == "drop":
            writer.transport.abort()
            return
        chat = "messages" in body
        asked = body["max_tokens" if "max_tokens" in body else "max_completion_tokens"]
        tokens = asked if script.tokens is None else script.tokens
        prompt = body["messages"][0]["content"] if chat else body["prompt"]
        usage = script.usage or {"prompt_tokens": len(prompt.split()), "completion_tokens": tokens}
        events = [event(chat, None if trouble == "no_text" else WORD, None) for _ in range(tokens)]
        if trouble != "no_reason":
            events.append(event(chat, None, "length" if tokens == asked else "stop"))
        if trouble != "no_usage" and body["stream_options"]["include_usage"]:
            events.append(b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n")
        events.append(b"data: [DONE]\n\n")
        await self._begin(script, events, writer)
        if script.role_first:
            await self._send(script, event(chat, None, None), writer)
        began = time.perf_counter()
        for number, content in enumerate(events):
            if number < tokens:
                due = began + script.first_s + number * script.gap_s
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                seen.texts_s.append(time.perf_counter())
            if number == tokens // 2:
                if trouble == "cut":
                    writer.transport.abort()
                    return
                if trouble == "broken_json":
                    content = b'data: {"choices": [{"del\n\n'
                if trouble == "no_event":
                    content = b"data: 17\n\n"
                if trouble == "error_event":
                    content = b'data: {"error": {"message": "the engine died"}}\n\n'
                if trouble == "deep_json":
                    content = b"data: " + b"[" * 100_000 + b"\n\n"
                if trouble == "list_for_text":
                    content = b'data: {"choices": [{"delta": {"reasoning": [1], "content": [2]}}]}\n\n'
                if trouble in ("bad_chunk", "negative_chunk"):
                    writer.write(b"zz\r\nhello\r\n" if trouble == "bad_chunk" else b"-6\r\n")
                    return
                if trouble == "comment":
                    await self._send(script, b": still here\n\n", writer)
            await self._send(script, content, writer)
        if script.framing == "chunked":
            writer.write(b"0\r\nX-Trailer: yes\r\n\r\n" if trouble == "trailer" else b"0\r\n\r\n")
        await writer.drain()

    async def _begin(self, script: Script, events: list[bytes], writer: asyncio.StreamWriter) -> None:
        framing = {
            "chunked": b"Transfer-Encoding: chunked",
            "length": b"content-length: %d" % sum(map(len, events)),
            "close": b"Connection: close",
        }[script.framing]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + framing + b"\r\n\r\n")

    async def _send(self, script: Script, content: bytes, writer: asyncio.StreamWriter) -> None:
        if script.framing == "chunked":
            content = b"%x\r\n%s\r\n" % (len(content), content)
        size = -(-len(content) // script.pieces)
        for start in range(0, len(content), size):
            writer.write(content[start : start + size])
            await writer.drain()
            if script.pieces > 1:
                await asyncio.sleep(0.001)


def event(chat: bool, text: str | None, reason: str | None) -> bytes:
    """One server-sent event; without text and reason the role that begins a chat."""
    choice: dict[str, Any] = {"index": 0, "finish_reason": reason}
    if chat:
        choice["delta"] = (
            {"content": text} if text is not None else {} if reason else {"role": "assistant", "content": ""}
        )
    else:
        choice["text"] = text or ""
    return b"data: " + json.dumps({"id": "x", "choices": [choice]}).encode() + b"\n\n"
