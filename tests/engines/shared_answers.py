"""A relay before a real server: two clients that ask the same get the same answer, byte by byte, at once.

What a busy machine does to a server between two measurements is far more than what two clients
can differ by. So both measure one and the same answer. Each prompt goes on to the server when both
have asked it.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

from tests.served_on_thread import ServedOnThread

_HEAD_BYTES = 65536


class Relay(ServedOnThread):
    """The relay; `stop` it if one client fails: the other would wait for ever.

    Args:
        url: base URL of the server, such as ``http://127.0.0.1:8000/v1``.
    """

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("http://").removesuffix("/v1").rpartition(":")
        self._server = host, int(port)
        self._waiting: dict[str, tuple[asyncio.StreamWriter, asyncio.Event]] = {}
        self.asked: dict[tuple[str, bool], float] = {}
        """When each prompt was asked, by aiohttp and by others, on the loop's clock in s."""
        self.answered: dict[str, tuple[float, float]] = {}
        """When the first and the last event of its answer were passed on."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def begin(self) -> None:
        self._listening = await self.listen(self._connection, limit=_HEAD_BYTES)

    async def end(self) -> None:
        self._listening.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"POST "):
                await self._pair(head, reader, writer)
            else:
                # Such as a look at the server's metrics.
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async def _pair(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        prompt = json.loads(body)["prompt"]
        self.asked[prompt, b"aiohttp" in head] = self.loop.time()
        if prompt in self._waiting:
            other, answered = self._waiting.pop(prompt)
            self.answered[prompt] = await self._answer(body, (other, writer))
            answered.set()
        else:
            self._waiting[prompt] = writer, (answered := asyncio.Event())
            await answered.wait()

    async def _answer(self, body: bytes, writers: tuple[asyncio.StreamWriter, ...]) -> tuple[float, float]:
        reader, server = await asyncio.open_connection(*self._server)
        server.write(
            b"POST /v1/completions HTTP/1.1\r\nHost: server\r\nConnection: close\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        times = []
        while data := await reader.read(_HEAD_BYTES):
            if b"data:" in data:  # before the first event comes the head
                times.append(self.loop.time())
            for writer in writers:
                writer.write(data)
        server.close()
        return times[0], times[-1]
