"""The server, on plain sockets."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

from tests.openai_server.limiter import Limiter
from tests.openai_server.reply import REFUSALS, Reply, refusal, tokens
from tests.openai_server.stream import Broken, Stream
from tests.served_on_thread import ServedOnThread

Said = Reply | str | int
"""A reply, a text, or an HTTP status other than 200."""

AT_ONCE = 512
"""Functions that may block at a time."""


@dataclass
class Seen:
    """What the server noted of one request; times are of `time.perf_counter`."""

    body: dict[str, Any]
    received_s: float
    texts_s: list[float] = field(default_factory=list)
    finished_s: float = 0.0


class Server(ServedOnThread):
    """The server.

    Args:
        says: what each request is answered; one answer after the other; or a function of a request's body, which may
            block.
    """

    def __init__(self, says: Said | Iterator[Said] | Callable[[dict[str, Any]], Said] = "0") -> None:
        self.says = says
        self.troubles: list[str] = []
        """What goes wrong with the next answers, see `Reply`."""
        self.always: set[str] = set()
        """no_usage, no_stream, ignores_stream, no_stream_options, no_response_format, no_tools, no_tokenize,
        no_max_model_len, knows_its_models, only_max_completion_tokens, vague."""
        self.models: list[dict[str, Any]] | None = [{"id": "m"}]
        """What it says that it serves; None where it has no such list."""
        self.key: str | None = None
        """What it asks of everybody."""
        self.context = 10**7
        self.delay_s = 0.0
        self.limiter: Limiter | None = None
        self.seen: list[Seen] = []
        """In the order in which requests came."""
        self.probes = self.connections = self.in_flight = self.most_in_flight = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The bodies that were seen."""
        return [seen.body for seen in self.seen]

    def serve(self, port: int) -> None:
        """Serves at a port for good."""
        self.port = port
        asyncio.run(self.serving(lambda: None))

    async def begin(self) -> None:
        self._beside = ThreadPoolExecutor(AT_ONCE)
        self._server = await self.listen(self._connection, backlog=4096)

    async def end(self) -> None:
        self._server.close()
        self._beside.shutdown(wait=False)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError, Broken):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(b"0" + head.lower().partition(b"content-length:")[2].split(b"\r\n")[0].strip())
                content = await reader.readexactly(length)
                if self.key is not None and f"Authorization: Bearer {self.key}\r\n".encode() not in head:
                    self._send(refusal(401, "no such key"), writer)
                    break
                method, target, _ = head.partition(b"\r\n")[0].decode().split(" ")
                path = "/" + target.split("://")[-1].partition("/")[2] if "://" in target else target
                await self._request(method, path, content, writer)
                await writer.drain()
        writer.close()

    async def _request(self, method: str, path: str, content: bytes, writer: asyncio.StreamWriter) -> None:
        if method == "GET" and (path == "/health" or (path == "/v1/models" and self.models is not None)):
            self.probes += 1
            context = {} if "no_max_model_len" in self.always else {"max_model_len": self.context}
            self._send(Reply(document={"data": [{**model, **context} for model in self.models or ()]}), writer)
        elif path == "/tokenize" and "no_tokenize" not in self.always:
            self._send(Reply(document={"count": tokens(json.loads(content)["messages"])}), writer)
        elif path == "/v1/likelihood":
            self._send(Reply(document={"content": []}), writer)
        elif method == "POST" and path in ("/v1/chat/completions", "/v1/completions"):
            await self._completion(json.loads(content), writer)
        else:
            self._send(Reply(status=404, document={"detail": "Not Found"}), writer)

    async def _completion(self, body: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        if self.limiter is not None and not self.limiter.takes():
            after = {"Retry-After": self.limiter.retry_after()} if self.limiter.retry_after else {}
            return self._send(replace(REFUSALS["429"], headers=after), writer)
        seen = Seen(body, time.perf_counter())
        self.seen.append(seen)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(self.delay_s)
            await self._answer(await self._reply(body), seen, writer)
        finally:
            self.in_flight -= 1
            if self.limiter is not None:
                self.limiter.under_way -= 1
            seen.finished_s = time.perf_counter()

    async def _reply(self, body: dict[str, Any]) -> Reply:
        if self.troubles:
            return Reply("0", trouble=self.troubles.pop(0))
        objection = self._objection(body)
        if objection is not None:
            return objection
        said = self.says
        if isinstance(said, Iterator):
            said = next(said)
        elif callable(said):
            said = await self.loop.run_in_executor(self._beside, said, body)
        if isinstance(said, int):
            return refusal(said, "out of order")
        return Reply(said) if isinstance(said, str) else said

    def _objection(self, body: dict[str, Any]) -> Reply | None:
        """What a server with these limits refuses."""
        if "knows_its_models" in self.always and {"id": body.get("model")} not in (self.models or ()):
            return refusal(404, f"The model `{body.get('model')}` does not exist.")
        for option in ("response_format", "tools", "stream_options", "stream"):
            if f"no_{option}" in self.always and body.get(option):
                return refusal(400, f"{option} is not supported")
        if "only_max_completion_tokens" in self.always and "max_tokens" in body:
            return refusal(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        length = tokens(body.get("messages", []))
        if length + body.get("max_tokens", 0) > self.context:
            named = "" if "vague" in self.always else f" {self.context} tokens"
            return refusal(400, f"This model's maximum context length is{named}; your prompt has {length}.")
        return None

    async def _answer(self, reply: Reply, seen: Seen, writer: asyncio.StreamWriter) -> None:
        body, with_usage = seen.body, "no_usage" not in self.always
        reply = REFUSALS.get(reply.trouble, reply)
        if reply.trouble == "hang":
            await asyncio.sleep(3600)
        if reply.trouble == "drop":
            writer.transport.abort()
            raise Broken
        if reply.raw is not None:
            writer.write(reply.raw)
            raise Broken
        if reply.status != 200 or reply.document is not None or reply.body is not None:
            self._send(reply, writer)
        elif not body.get("stream") or "ignores_stream" in self.always:
            told = reply.message(body)
            self._send(Reply(document={**told, "usage": reply.counted(body)} if with_usage else told), writer)
        else:
            await Stream(reply, body, with_usage, writer).send(seen.texts_s)
        if reply.framing == "close" or reply.trouble == "close_after":
            raise Broken

    def _send(self, reply: Reply, writer: asyncio.StreamWriter) -> None:
        content = json.dumps(reply.document).encode() if reply.body is None else reply.body
        headers = {
            "Content-Type": "application/json",
            "Date": formatdate(usegmt=True),
            **reply.headers,
            "Content-Length": str(len(content)),
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        writer.write(f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}\r\n{head}\r\n".encode() + content)
