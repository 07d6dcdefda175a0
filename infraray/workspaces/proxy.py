"""The only thing that a workspace's sandbox can reach: its model, without a key, its tools, and an index of packages.

It is served from outside, on a socket that listens inside. It speaks the agents' protocols, puts in the run's model and
key, takes out what the provider would run or fetch by itself (it would leave the sandbox), counts tokens, obeys their
budget, keeps streams alive while the server is silent, and records every exchange: that record is the trajectory.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from infraray.errors import Unavailable
from infraray.protocol.server_sent_events import EventReader
from infraray.workspaces.dialects import DIALECTS, Answer, Dialect
from infraray.workspaces.package_index import Handler, PackageIndex
from infraray.workspaces.record import Record, bounded
from infraray.workspaces.upstream import Model, Upstream

PING_S = 10.0
"""Seconds of silence after which a stream gets a comment."""

LARGEST_REQUEST_BYTES = 64 * 2**20
CHARACTERS_PER_TOKEN = 4
"""For servers that do not count."""

PASSED_ON = ("anthropic-version", "anthropic-beta", "openai-beta")

Tool = Callable[[str, list[str]], Awaitable[tuple[str, int]]]
"""Answers a call of a tool, by its name and arguments, with a text and an exit code."""


@dataclass
class Proxy:
    """The server. `close` must be called in any case.

    Args:
        model: the model that every request gets, whatever it names.
        record: what happens is noted there.
        tool: answers tools.
        tokens: the budget; None for none.
        calls_tools: whether the agent's turns offer tools, so that requests without any are side calls.
        packages: the URL of the index that it passes on; "" for none.
    """

    model: Model
    record: Record
    tool: Tool
    tokens: int | None = None
    calls_tools: bool = True
    packages: str = ""
    in_flight: int = 0
    """Requests that wait for the model, a tool or a package."""
    last_s: float = field(default_factory=time.monotonic)
    """When one began or ended, by `time.monotonic`."""
    unavailable: Unavailable | None = None
    """Why the model cannot be asked any more."""
    _told: list[dict[str, str]] = field(default_factory=list)
    """The conversation of the last turn."""
    _runner: web.AppRunner | None = None

    async def serve(self, listener: socket.socket) -> None:
        """Begins to serve.

        Args:
            listener: the listening socket.
        """
        self.upstream = Upstream(self.model)
        self.changed = asyncio.Event()
        """Set when the budget is spent or the model is unavailable."""
        application = web.Application(client_max_size=LARGEST_REQUEST_BYTES)
        for dialect in DIALECTS:
            application.router.add_post(f"/v1{dialect.path}", self._asker(dialect))
        application.router.add_post("/v1/messages/count_tokens", self._count)
        application.router.add_get("/v1/models", self._models)
        application.router.add_get("/v1/models/{name:.*}", self._models)
        application.router.add_route("HEAD", "/", self._nothing)
        application.router.add_post("/tools/{name}", self._counted(self._use))
        self._index = PackageIndex(self.packages, self._note_package) if self.packages else None
        for path, handler in {} if self._index is None else self._index.handlers.items():
            application.router.add_get(path, self._counted(handler))
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0, handler_cancellation=True)
        await self._runner.setup()
        await web.SockSite(self._runner, listener).start()

    async def close(self) -> None:
        """Ends all exchanges, if any could begin."""
        if self._runner is None:
            return
        await self._runner.cleanup()
        await self.upstream.close()
        if self._index is not None:
            await self._index.close()

    @property
    def is_spent(self) -> bool:
        """Whether the budget of tokens is used up."""
        return self.tokens is not None and self.record.spent.tokens >= self.tokens

    def _counted(self, handler: Handler) -> Handler:
        """Whoever waits for an answer is not silent."""

        async def counted(request: web.Request) -> web.StreamResponse:
            self.in_flight += 1
            self.last_s = time.monotonic()
            try:
                return await handler(request)
            finally:
                self.in_flight -= 1
                self.last_s = time.monotonic()

        return counted

    def _asker(self, dialect: Dialect) -> Handler:
        async def ask(request: web.Request) -> web.StreamResponse:
            try:
                return await self._ask(dialect, request)
            finally:
                if self.is_spent or self.unavailable is not None:
                    self.changed.set()

        return self._counted(ask)

    async def _ask(self, dialect: Dialect, request: web.Request) -> web.StreamResponse:
        try:
            body = await request.json()
        except (ValueError, UnicodeDecodeError):
            body = None
        if not isinstance(body, dict):
            return web.json_response(dialect.error(400, "the request is not a JSON object"), status=400)
        if self.is_spent:
            reason = f"the budget of {self.tokens} tokens is spent"
            return web.json_response(dialect.error(403, reason), status=403)
        exchange = Exchange(self, dialect, body)
        headers = {name: value for name, value in request.headers.items() if name.lower() in PASSED_ON}
        try:
            return await exchange.carry_out(request, headers)
        except Unavailable as error:
            self.unavailable = self.unavailable or error
            self.record.add("trouble", text=str(error))
            return web.json_response(dialect.error(503, "the model is not available"), status=503)

    async def _count(self, request: web.Request) -> web.Response:
        """Anthropic's count of a prompt, which few other servers give: an estimate."""
        length = len(await request.text())
        return web.json_response({"input_tokens": length // CHARACTERS_PER_TOKEN})

    async def _models(self, _: web.Request) -> web.Response:
        """The one model."""
        model = {"id": self.model.name, "object": "model", "type": "model", "created": 0, "owned_by": "infraray"}
        return web.json_response({"object": "list", "data": [model], "has_more": False})

    async def _nothing(self, _: web.Request) -> web.Response:
        return web.Response()

    async def _use(self, request: web.Request) -> web.StreamResponse:
        """A tool's call."""
        name = request.match_info["name"]
        try:
            given = await request.json()
            arguments = [str(argument) for argument in given["arguments"]]
        except (ValueError, LookupError, TypeError):
            return web.json_response({"text": f"{name}: the call is not a list of arguments", "code": 2})
        began = time.monotonic()
        text, code = await self.tool(name, arguments)
        took_s = round(time.monotonic() - began, 3)
        self.record.add(
            "tool", name=name, arguments=[bounded(one) for one in arguments], output=text, exit_code=code, took_s=took_s
        )
        return web.json_response({"text": text, "code": code})

    def _note_package(self, name: str, size: int) -> None:
        self.record.add("package", name=name, bytes=size)


class Exchange:
    """One request and its answer.

    Args:
        proxy: whose it is.
        dialect: its protocol.
        body: the request; changed here.
    """

    def __init__(self, proxy: Proxy, dialect: Dialect, body: dict[str, Any]) -> None:
        self.proxy = proxy
        self.dialect = dialect
        self.body = body
        self.is_side = proxy.calls_tools and not body.get("tools")
        self.removed = dialect.clean(body)
        self.answer = Answer()
        self.status = 0
        self.retries: list[str] = []
        self.began = time.monotonic()
        self.first_s: float | None = None

    async def carry_out(self, request: web.Request, headers: dict[str, str]) -> web.StreamResponse:
        """Asks the model and passes its answer on."""
        proxy, body = self.proxy, self.body
        body["model"] = proxy.model.name
        if proxy.tokens is not None:
            self.dialect.limit(body, max(1, proxy.tokens - proxy.record.spent.tokens))
        asked = self.dialect.turns(body)
        asking = asyncio.ensure_future(
            proxy.upstream.post(self.dialect, self.dialect.path, body, headers, self.retries.append)
        )
        try:
            if body.get("stream"):
                return await self._stream(request, asking)
            response = await asking
            async with response:
                return await self._whole(response)
        finally:
            if not asking.done():
                asking.cancel()
            self._note(asked)

    async def _whole(self, response: aiohttp.ClientResponse) -> web.Response:
        content = await response.read()
        self.status = response.status
        try:
            document = json.loads(content)
        except ValueError:
            document = None
        if self.status == 200 and isinstance(document, dict):
            self.answer = self.dialect.read(document)
        else:
            self.answer.error = content[:2000].decode(errors="replace")
        return web.Response(body=content, status=self.status, content_type="application/json")

    async def _stream(self, request: web.Request, asking: asyncio.Future[aiohttp.ClientResponse]) -> web.StreamResponse:
        out = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
        # A refusal must keep its status, so the headers wait for the server's, but not for ever.
        while not (await asyncio.wait({asking}, timeout=PING_S))[0]:
            if not out.prepared:
                await out.prepare(request)
            await out.write(b": ping\n\n")
        try:
            response = asking.result()
        except Unavailable as error:
            if not out.prepared:
                raise
            self.proxy.unavailable = self.proxy.unavailable or error
            await out.write(self.dialect.error_events("the model is not available"))
            return out
        async with response:
            self.status = response.status
            is_stream = response.headers.get("Content-Type", "").startswith("text/event-stream")
            if self.status != 200 or not is_stream:
                whole = await self._whole(response)
                if not out.prepared:
                    return whole
                await out.write(self.dialect.error_events(self.answer.error or "the server did not stream"))
                return out
            if not out.prepared:
                await out.prepare(request)
            await self._relay(response, out)
        return out

    async def _relay(self, response: aiohttp.ClientResponse, out: web.StreamResponse) -> None:
        """Passes a stream on as it comes, and reads it."""
        reader = EventReader()
        between_lines = True
        reading: asyncio.Future[bytes] | None = None
        try:
            while True:
                reading = reading or asyncio.ensure_future(response.content.readany())
                if not (await asyncio.wait({reading}, timeout=PING_S))[0]:
                    if between_lines:
                        await out.write(b": ping\n\n")
                    continue
                piece, reading = reading.result(), None
                if not piece:
                    break
                self.first_s = self.first_s or time.monotonic() - self.began
                for event in reader.feed(piece):
                    self._take(b"\n".join(event.data))
                between_lines = piece.endswith(b"\n\n")
                await out.write(piece)
        except (aiohttp.ClientError, TimeoutError) as error:
            self.answer.error = f"the server broke off: {type(error).__name__}"
        finally:
            if reading is not None:
                reading.cancel()

    def _take(self, data: bytes) -> None:
        try:
            document = json.loads(data)
            if isinstance(document, Mapping):
                self.dialect.take(self.answer, document)
        except (ValueError, TypeError, AttributeError, KeyError):
            return  # "[DONE]", or nothing that this protocol has: it is passed on as it is

    def _note(self, asked: list[dict[str, str]]) -> None:
        """Counts and records it."""
        record, answer = self.proxy.record, self.answer
        text, reasoning = "".join(answer.text), "".join(answer.reasoning)
        inputs, outputs = answer.input_tokens, answer.output_tokens
        if self.status == 200:
            record.spent.requests += 1
            if inputs is None or outputs is None:
                record.spent.is_counted = False
            inputs = sum(len(turn["content"]) for turn in asked) // CHARACTERS_PER_TOKEN if inputs is None else inputs
            calls = sum(len(call.arguments) for call in answer.calls.values())
            if outputs is None:
                outputs = (len(text) + len(reasoning) + calls) // CHARACTERS_PER_TOKEN
            if self.is_side:
                record.spent.side_tokens += inputs + outputs
            else:
                record.spent.input_tokens += inputs
                record.spent.output_tokens += outputs
        for name in self.removed:
            record.removed[name] = record.removed.get(name, 0) + 1
        new = asked if self.is_side else self._new(asked)
        record.add(
            "turn",
            dialect=self.dialect.name,
            is_side=self.is_side,
            status=self.status,
            asked=[{"role": turn["role"], "content": bounded(turn["content"])} for turn in new],
            said=text,
            reasoning=reasoning,
            calls=[{"name": call.name, "arguments": bounded(call.arguments)} for call in answer.calls.values()],
            input_tokens=inputs,
            output_tokens=outputs,
            ended=answer.ended,
            error=answer.error,
            retries=len(self.retries),
            first_s=None if self.first_s is None else round(self.first_s, 3),
            took_s=round(time.monotonic() - self.began, 3),
        )

    def _new(self, asked: list[dict[str, str]]) -> list[dict[str, str]]:
        """The part of a prompt that the turn before did not have, without the model's own words."""
        known = self.proxy._told
        same = 0
        while same < min(len(known), len(asked)) and known[same] == asked[same]:
            same += 1
        self.proxy._told = asked
        return [turn for turn in asked[same:] if turn["role"] != "assistant" or not same]
