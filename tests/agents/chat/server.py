"""A small OpenAI-compatible server that can be as hostile as a test wants it.

One token is one character, and a message costs three more: a count that the client can not know.

As a program, ``python server.py PORT [SECONDS]``, it answers "0", each time after so many seconds.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web


def tokens(messages: list[dict[str, Any]]) -> int:
    return sum(len(message["content"]) + 3 for message in messages)


def say_zero(body: dict[str, Any]) -> str:
    return "0"


class Limiter:
    """Takes so many requests in each window of time, and so many at once.

    ``retry_after`` makes the header of a refusal, None for none.
    """

    def __init__(
        self,
        a_window: float = math.inf,
        window_s: float = 1.0,
        at_once: float = math.inf,
        retry_after: Callable[[], str] | None = None,
    ) -> None:
        self.a_window, self.window_s, self.at_once, self.retry_after = a_window, window_s, at_once, retry_after
        self.began = -math.inf
        self.taken = self.under_way = self.refused = self.most = 0

    def takes(self) -> bool:
        now = time.monotonic()
        if now - self.began >= self.window_s:
            self.began, self.taken = now, 0
        if self.taken >= self.a_window or self.under_way >= self.at_once:
            self.refused += 1
            return False
        self.taken += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        return True


class Server:
    """Answers with `say`; `troubles` are done instead, one a request, until none is left."""

    def __init__(self, say: Callable[[dict[str, Any]], str] = say_zero) -> None:
        self.say = say
        self.troubles: list[str] = []
        self.always: set[str] = set()
        """no_usage, no_stream, no_stream_options, no_response_format, no_tools, no_tokenize, no_max_model_len."""
        self.context = 100_000
        self.requests: list[dict[str, Any]] = []
        self.probes = 0
        self.reasoning: str | None = None
        self.refusal: str | None = None
        self.finish_reason = "stop"
        self.delay_s = 0.0
        self.limiter: Limiter | None = None
        self.port = 0
        self.runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def start(self) -> None:
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/v1/chat/completions", self.chat)
        app.router.add_get("/v1/models", self.models)
        app.router.add_get("/health", self.models)
        app.router.add_post("/tokenize", self.tokenize)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", self.port, backlog=1024)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]

    async def stop(self) -> None:
        if self.runner is not None:
            runner, self.runner = self.runner, None
            await runner.cleanup()

    async def __aenter__(self) -> Server:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def models(self, request: web.Request) -> web.Response:
        self.probes += 1
        entry: dict[str, Any] = {"id": "m"}
        if "no_max_model_len" not in self.always:
            entry["max_model_len"] = self.context
        return web.json_response({"data": [entry]})

    async def tokenize(self, request: web.Request) -> web.Response:
        if "no_tokenize" in self.always:
            return web.json_response({"detail": "Not Found"}, status=404)
        return web.json_response({"count": tokens((await request.json())["messages"])})

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        if self.limiter is not None and not self.limiter.takes():
            headers = {"Retry-After": self.limiter.retry_after()} if self.limiter.retry_after else None
            return web.json_response({"error": {"message": "slow down"}}, status=429, headers=headers)
        self.requests.append(body)
        try:
            await asyncio.sleep(self.delay_s)
            return await self.answer(request, body)
        finally:
            if self.limiter is not None:
                self.limiter.under_way -= 1

    async def answer(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        trouble = self.troubles.pop(0) if self.troubles else ""
        if trouble == "429":
            return web.json_response({"error": {"message": "slow down"}}, status=429, headers={"Retry-After": "0.2"})
        if trouble == "quota":
            error = {"message": "You exceeded your current quota", "code": "insufficient_quota"}
            return web.json_response({"error": error}, status=429)
        if trouble == "500":
            return web.json_response({"error": {"message": "the engine hiccuped"}}, status=500)
        if trouble == "400":
            return self.refuse("this can not be read")
        if trouble == "401":
            return web.json_response({"error": {"message": "Incorrect API key provided"}}, status=401)
        if trouble == "hang":
            await asyncio.sleep(3600)
        if trouble == "drop":
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if trouble == "broken":
            return web.Response(body=b'{"choices": [{"mess', content_type="application/json")
        if trouble == "html":
            return web.Response(body=b"<html>Bad gateway</html>", content_type="text/html")
        if body["model"] != "m":
            return self.refuse(f"The model `{body['model']}` does not exist.", 404)
        for option in ("response_format", "tools", "stream_options", "stream"):
            if f"no_{option}" in self.always and body.get(option):
                return self.refuse(f"{option} is not supported")
        if "only_max_completion_tokens" in self.always and "max_tokens" in body:
            return self.refuse("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.")
        length = tokens(body["messages"])
        if length + body.get("max_tokens", 0) > self.context:
            named = "" if "vague" in self.always else f" {self.context} tokens"
            return self.refuse(f"This model's maximum context length is{named}; your prompt has {length}.")
        text = self.say(body)
        usage = {"prompt_tokens": length, "completion_tokens": len(text)}
        if not body.get("stream") or "ignores_stream" in self.always:
            message: dict[str, Any] = {"role": "assistant", "content": text}
            if body.get("tools"):
                message = {"content": None, "tool_calls": [{"function": {"name": "act", "arguments": text}}]}
            answer: dict[str, Any] = {
                "choices": [{"index": 0, "message": message, "finish_reason": self.finish_reason}]
            }
            if "no_usage" not in self.always:
                answer["usage"] = usage
            return web.json_response(answer)
        return await self.stream(request, body, text, usage, trouble)

    async def stream(
        self, request: web.Request, body: dict[str, Any], text: str, usage: dict[str, int], trouble: str
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        if self.reasoning is not None:
            deltas.append({"reasoning_content": self.reasoning})
        if self.refusal is not None:
            deltas.append({"refusal": self.refusal})
        pieces = [text[: len(text) // 2], text[len(text) // 2 :]]
        if body.get("tools"):
            deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces]
        else:
            deltas += [{"content": piece} for piece in pieces]
        for number, delta in enumerate(deltas):
            if trouble == "cut" and number == len(deltas) - 1:
                assert request.transport is not None
                request.transport.close()
                return response
            if trouble == "broken_chunk" and number == len(deltas) - 1:
                await response.write(b'data: {"choices": [{"del\n\ndata: [DONE]\n\n')
                return response
            chunk = {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
            await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
        last = {"choices": [{"index": 0, "delta": {}, "finish_reason": self.finish_reason}]}
        await response.write(f"data: {json.dumps(last)}\n\n".encode())
        if "no_usage" not in self.always and (body.get("stream_options") or {}).get("include_usage"):
            await response.write(f"data: {json.dumps({'choices': [], 'usage': usage})}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        await response.write_eof()
        return response

    def refuse(self, reason: str, status: int = 400) -> web.Response:
        return web.json_response({"error": {"message": reason, "code": status}}, status=status)


@contextmanager
def in_thread(server: Server) -> Iterator[Server]:
    """The server beside a program that blocks."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(30)
        yield server
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


async def serve(port: int, delay_s: float) -> None:
    server = Server()
    server.port, server.delay_s = port, delay_s
    await server.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0.0))
