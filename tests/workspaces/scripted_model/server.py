"""The server."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiohttp import web

from tests.served_application import ServedApplication
from tests.workspaces.scripted_model.chat import ChatCompletions
from tests.workspaces.scripted_model.dialect import Answer, Dialect, new_id
from tests.workspaces.scripted_model.messages import Messages
from tests.workspaces.scripted_model.responses import Responses
from tests.workspaces.scripted_model.turn import Turn, say

OVER = say("There is nothing left to do.")
"""What is said when the script is at its end."""

CHARACTERS_A_TOKEN = 4


@dataclass(frozen=True)
class Asked:
    """One request.

    Args:
        path: of the URL.
        key: what it was sent with, the word Bearer left out; None for none.
        body: its JSON.
        texts: what its conversation says, the tools' outputs among it.
        at_s: of `time.monotonic`, when it came.
    """

    path: str
    key: str | None
    body: Mapping[str, Any]
    texts: tuple[str, ...]
    at_s: float


@dataclass
class ScriptedModel(ServedApplication):
    """Use as a context manager.

    Args:
        script: what is done in the agent's turns, one after the other; `OVER` after the last.
        port: 0 for a free one.
    """

    script: Iterable[Turn]
    port: int = 0
    turns: list[Asked] = field(default_factory=list)
    """The requests that were turns of the agent, in order."""
    side_calls: list[Asked] = field(default_factory=list)
    """The others."""

    @property
    def url(self) -> str:
        """The server's address, without a path."""
        return f"http://127.0.0.1:{self.port}"

    def go_on(self) -> None:
        """Lets answers go on that wait or stall, from any thread."""
        self.loop.call_soon_threadsafe(self._going_on.set)

    def application(self) -> web.Application:
        self._left = iter(self.script)
        self._going_on = asyncio.Event()
        application = web.Application(client_max_size=2**26)
        for dialect in (ChatCompletions(), Messages(), Responses()):
            application.router.add_post(dialect.path, partial(self._asked, dialect))
        application.router.add_post("/v1/messages/count_tokens", self._count)
        application.router.add_get("/v1/models", self._models)
        return application

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "m", "object": "model"}]})

    async def _count(self, request: web.Request) -> web.Response:
        return web.json_response({"input_tokens": len(await request.read()) // CHARACTERS_A_TOKEN})

    async def _asked(self, dialect: Dialect, request: web.Request) -> web.StreamResponse:
        content = await request.text()
        body = json.loads(content)
        key = request.headers.get("x-api-key") or request.headers.get("Authorization", "").removeprefix("Bearer ")
        asked = Asked(request.path, key or None, body, tuple(dialect.said(body)), time.monotonic())
        if dialect.is_side_call(body):
            self.side_calls.append(asked)
            turn = say("A title")
        else:
            self.turns.append(asked)
            turn = next(self._left, OVER)
        if turn.trouble == "hang":
            await asyncio.sleep(3600)
        if turn.trouble == "wait":
            await self._going_on.wait()
        if turn.trouble == "rubbish":
            return web.Response(text="<html>\x00 no protocol has this", headers=dict(turn.headers))
        if turn.status != 200:
            refusal = dialect.refusal(turn.status, turn.text)
            return web.json_response(refusal, status=turn.status, headers=dict(turn.headers))
        tool = turn.tool if turn.command is None else dialect.shell_call(body, turn.command)
        said = turn.text + (json.dumps(tool) if tool else "")
        answer = Answer(
            turn.text,
            tool,
            new_id("answer"),
            body.get("model", ""),
            len(content) // CHARACTERS_A_TOKEN,
            max(1, len(said) // CHARACTERS_A_TOKEN),
        )
        if not body.get("stream"):
            return web.json_response(dialect.document(answer))
        return await self._stream(request, list(dialect.events(answer)), turn)

    async def _stream(self, request: web.Request, events: list[bytes], turn: Turn) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", **turn.headers})
        await response.prepare(request)
        with suppress(ConnectionError):
            for number, content in enumerate(events):
                if turn.trouble == "cut" and number == len(events) // 2:
                    assert request.transport is not None
                    request.transport.abort()
                    break
                if turn.trouble == "stall" and number == len(events) // 2:
                    await self._going_on.wait()
                await response.write(content)
            else:
                await response.write_eof()
        return response
