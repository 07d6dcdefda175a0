"""The overhead of a chat agent beside its model: `python -m benchmarks.chat`.

A thousand conversations are in flight against a server that answers at once with a stream of
chunks. Prints CPU seconds per request of the client's process, ours and the plain `openai`
client's with its default settings and no limit on connections. Ours composes prompts, keeps
within the context, measures and records; the plain client reads the same chunks.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time
from typing import Any

from aiohttp import web

import infraray
from benchmarks.table import Row, print_table
from infraray.agents import Briefing
from infraray.agents.chat import ChatAgent

CONVERSATIONS = 1000
STEPS = 5
CHUNKS = 8


def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    body = {"id": "chat-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return f"data: {json.dumps(body)}\n\n".encode()


def serve(port: Any, answered: Any = None) -> None:
    """Answers every chat with the same stream, or in one document where no stream is asked for, and counts them."""
    usage = {"prompt_tokens": 300, "completion_tokens": CHUNKS, "total_tokens": 300 + CHUNKS}
    last = {
        "id": "chat-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [],
        "usage": usage,
    }
    pieces = [chunk({"role": "assistant", "content": ""})]
    pieces += [chunk({"content": "0" if number == 0 else " "}) for number in range(CHUNKS)]
    pieces += [chunk({}, "stop"), f"data: {json.dumps(last)}\n\ndata: [DONE]\n\n".encode()]

    message = {"role": "assistant", "content": "0" + " " * (CHUNKS - 1)}
    whole = {
        **last,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    }

    async def chat(request: web.Request) -> web.StreamResponse:
        wanted = await request.json()
        if answered is not None:
            answered.value += 1
        if not wanted.get("stream"):
            return web.json_response(whole)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        await response.write_eof()
        return response

    async def models(request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "m", "max_model_len": 100_000}]})

    async def run() -> None:
        app = web.Application(client_max_size=2**24)
        app.router.add_post("/v1/chat/completions", chat)
        app.router.add_get("/v1/models", models)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, backlog=4096)
        await site.start()
        port.value = runner.addresses[0][1]
        await asyncio.Event().wait()

    asyncio.run(run())


async def ours(url: str) -> float:
    """CPU seconds per request of chat agents."""
    environment = infraray.make("load_balance")
    observation, _ = environment.reset(seed=1)
    briefing = Briefing.of(environment, 1)
    agents = [ChatAgent("m", url) for _ in range(CONVERSATIONS)]
    for agent in agents:
        agent.reset(briefing)

    async def converse(agent: ChatAgent) -> None:
        for _ in range(STEPS):
            await agent.act(observation)

    await converse(agents.pop())  # imports and the first connection
    return await cpu_per_request([converse(agent) for agent in agents])


async def plain(url: str) -> float:
    """CPU seconds per request of the openai client with the same prompts."""
    import openai

    environment = infraray.make("load_balance")
    observation, _ = environment.reset(seed=1)
    task = {"role": "system", "content": f"{environment.task_description}\n\n{environment.available_actions}"}
    seen = {"role": "user", "content": observation["text_observation"]}
    client = openai.AsyncOpenAI(
        base_url=url,
        api_key="none",
        http_client=openai.DefaultAsyncHttpxClient(limits=type(openai.DEFAULT_CONNECTION_LIMITS)()),
    )

    async def converse() -> None:
        messages: list[Any] = [task]
        for _ in range(STEPS):
            messages.append(seen)
            stream = await client.chat.completions.create(
                model="m",
                messages=messages,
                temperature=0,
                max_tokens=512,
                seed=1,
                stream=True,
                stream_options={"include_usage": True},
            )
            said = [
                event.choices[0].delta.content
                async for event in stream
                if event.choices and event.choices[0].delta.content
            ]
            messages.append({"role": "assistant", "content": "".join(said)})

    await converse()
    return await cpu_per_request([converse() for _ in range(CONVERSATIONS - 1)])


async def cpu_per_request(conversations: list[Any]) -> float:
    before = time.process_time()
    await asyncio.gather(*conversations)
    return (time.process_time() - before) / (len(conversations) * STEPS)


def main() -> list[Row]:
    """Measures and returns the rows of the table."""
    port = multiprocessing.Value("i", 0)
    server = multiprocessing.Process(target=serve, args=(port,), daemon=True)
    server.start()
    while not port.value:
        time.sleep(0.01)
    url = f"http://127.0.0.1:{port.value}/v1"
    mine, theirs = asyncio.run(ours(url)), asyncio.run(plain(url))
    server.terminate()
    return [
        Row(
            "a chat request, 1000 conversations in flight, CPU",
            f"{mine * 1e3:.2f} ms",
            "openai client",
            f"{theirs * 1e3:.2f} ms",
            mine / theirs,
            "<= 1",
        )
    ]


if __name__ == "__main__":
    print_table(main())
