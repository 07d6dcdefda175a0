"""The proxy between a sandbox and its model, in each of the three protocols, without a sandbox around it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp
import pytest

from infraray.workspaces import proxy as proxy_module
from infraray.workspaces.proxy import Proxy
from infraray.workspaces.record import Record
from infraray.workspaces.upstream import Model
from tests.workspaces.scripted_model import ScriptedModel, Turn, cut, refuse, rubbish, say, shell

SCHEMA = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
PICTURE = "http://example.org/?secret"

REQUESTS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat_completions": (
        "/v1/chat/completions",
        {
            "messages": [
                {"role": "system", "content": "Work."},
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": PICTURE}}]},
            ],
            "max_tokens": 5000,
            "tools": [{"type": "function", "function": {"name": "bash", "parameters": SCHEMA}}, {"type": "web_search"}],
        },
    ),
    "messages": (
        "/v1/messages",
        {
            "system": "Work.",
            "messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": PICTURE}}]}],
            "max_tokens": 5000,
            "tools": [{"name": "bash", "input_schema": SCHEMA}, {"type": "web_search_20250305", "name": "web_search"}],
            "mcp_servers": [{"url": "http://example.org"}],
        },
    ),
    "responses": (
        "/v1/responses",
        {
            "instructions": "Work.",
            "input": [
                {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": PICTURE}]},
                {"type": "function_call_output", "call_id": "c", "output": "listed"},
            ],
            "max_output_tokens": 5000,
            "tools": [{"type": "function", "name": "shell", "parameters": SCHEMA}, {"type": "web_search"}],
            "background": True,
        },
    ),
}
LIMITS = {"chat_completions": "max_tokens", "messages": "max_tokens", "responses": "max_output_tokens"}
LAST_EVENTS = {"chat_completions": "[DONE]", "messages": "message_stop", "responses": "response.completed"}

every_dialect = pytest.mark.parametrize("dialect", REQUESTS)
streamed_or_not = pytest.mark.parametrize("stream", [True, False])

Asking = Callable[..., Awaitable[tuple[int, str]]]


def through(
    model: ScriptedModel | str, work: Callable[[Proxy, Asking], Awaitable[None]], tokens: int | None = None
) -> Record:
    """Does some work with a proxy in front of a model; ``ask(dialect)`` gives an answer's status and body."""
    base_url = model if isinstance(model, str) else f"{model.url}/v1"
    record = Record()

    async def whole() -> None:
        made = Proxy(Model("the-model", base_url, "sk-key", 30.0, 0.1), record, _no_tool, tokens)
        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        await made.serve(listening)
        async with aiohttp.ClientSession() as client:

            async def ask(
                dialect: str, seen: Callable[[bytes], None] = lambda piece: None, **more: Any
            ) -> tuple[int, str]:
                path, body = REQUESTS[dialect]
                content = b""
                sent = {"model": "another", **body, **more}
                async with client.post(f"http://127.0.0.1:{port}{path}", json=sent) as response:
                    async for piece in response.content.iter_any():
                        content += piece
                        seen(content)
                return response.status, content.decode()

            try:
                await work(made, ask)
            finally:
                await made.close()

    asyncio.run(whole())
    return record


async def _no_tool(name: str, arguments: list[str]) -> tuple[str, int]:
    return "", 1


def answered(model_does: Sequence[Turn], dialect: str, tokens: int | None = None, **more: Any) -> Any:
    """One answer: status, body, the only event of the record, and the request as the model saw it."""
    got: list[tuple[int, str]] = []

    async def work(proxy: Proxy, ask: Asking) -> None:
        got.append(await ask(dialect, **more))

    with ScriptedModel(model_does) as model:
        (event,) = through(model, work, tokens).take()
    ((status, content),) = got
    return status, content, event, model.turns[0]


@every_dialect
@streamed_or_not
def test_what_the_model_says_and_calls_is_passed_on_and_recorded(dialect: str, stream: bool) -> None:
    status, content, turn, asked = answered([shell("ls -la", "I look.")], dialect, stream=stream)
    assert status == 200 and "I l" in content
    assert (turn["dialect"], turn["said"], turn["is_side"], turn["error"]) == (dialect, "I look.", False, None)
    ((name, arguments),) = [(one["name"], json.loads(one["arguments"])) for one in turn["calls"]]
    assert name in ("bash", "shell") and arguments["command"] == "ls -la"
    assert turn["input_tokens"] > 0 and turn["output_tokens"] > 0
    assert turn["asked"][0] == {"role": "system", "content": "Work."}
    if dialect == "responses":
        assert turn["asked"][-1] == {"role": "tool", "content": "listed"}
    assert (asked.key, asked.body["model"]) == ("sk-key", "the-model")
    if stream:
        assert LAST_EVENTS[dialect] in content


@every_dialect
def test_what_the_provider_would_run_or_fetch_is_taken_out(dialect: str) -> None:
    async def work(proxy: Proxy, ask: Asking) -> None:
        await ask(dialect)

    with ScriptedModel([say("Done.")]) as model:
        record = through(model, work)
    body = model.turns[0].body
    assert len(body["tools"]) == 1 and "web_search" not in json.dumps(body) and "example.org" not in json.dumps(body)
    assert sum(record.removed.values()) == (2 if dialect == "chat_completions" else 3)
    assert body.get("store", False) is False


@every_dialect
@streamed_or_not
def test_an_answer_may_take_what_is_left_of_the_budget_and_then_nothing_is_asked(dialect: str, stream: bool) -> None:
    statuses: list[int] = []
    told: list[str] = []

    async def work(proxy: Proxy, ask: Asking) -> None:
        for _ in range(2):
            status, content = await ask(dialect, stream=stream)
            statuses.append(status)
            told.append(content)
        assert proxy.is_spent and proxy.changed.is_set()

    with ScriptedModel([say("x" * 400)] * 2) as model:
        record = through(model, work, tokens=100)
    assert statuses == [200, 403] and len(model.turns) == 1
    assert model.turns[0].body[LIMITS[dialect]] == 100
    assert "the budget of 100 tokens is spent" in json.loads(told[1])["error"]["message"]
    assert record.spent.tokens >= 100


@every_dialect
@streamed_or_not
def test_a_refusal_keeps_its_status_and_its_words(dialect: str, stream: bool) -> None:
    status, content, turn, _ = answered([refuse(400, "the prompt is too long")], dialect, stream=stream)
    assert status == 400 and json.loads(content)["error"]["message"] == "the prompt is too long"
    assert turn["status"] == 400 and "the prompt is too long" in turn["error"]


@every_dialect
def test_a_stream_that_breaks_off_is_recorded_as_far_as_it_came(dialect: str) -> None:
    status, _, turn, _ = answered([cut("half of a sentence")], dialect, stream=True)
    assert status == 200 and turn["error"].startswith("the server broke off")


@every_dialect
def test_rubbish_in_place_of_a_stream_is_passed_on_as_it_is(dialect: str) -> None:
    _, content, turn, _ = answered([rubbish()], dialect, stream=True)
    assert "no protocol has this" in content and "no protocol has this" in turn["error"]


@every_dialect
@streamed_or_not
def test_a_server_that_is_gone_is_an_error_in_the_protocols_form(dialect: str, stream: bool) -> None:
    got: list[tuple[int, str]] = []

    async def work(proxy: Proxy, ask: Asking) -> None:
        got.append(await ask(dialect, stream=stream))
        assert proxy.unavailable is not None and proxy.changed.is_set()

    with ScriptedModel([]) as gone:
        pass
    through(f"{gone.url}/v1", work)
    ((status, content),) = got
    assert status == 503 and json.loads(content)["error"]["message"] == "the model is not available"


@every_dialect
@pytest.mark.parametrize("trouble", ["wait", "stall"])
def test_a_slow_stream_gets_comments_between_its_events_and_loses_nothing(
    dialect: str, trouble: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy_module, "PING_S", 0.02)
    got: list[tuple[int, str]] = []

    async def work(proxy: Proxy, ask: Asking) -> None:
        def seen(content: bytes) -> None:
            if content.count(b": ping\n\n") >= 3:
                model.go_on()

        got.append(await ask(dialect, seen, stream=True))

    turn = Turn("A long thought.", tool=("bash", {"command": "ls"}), trouble=trouble)
    with ScriptedModel([turn]) as model:
        (event,) = through(model, work).take()
    ((status, content),) = got
    assert status == 200 and content.count(": ping\n\n") >= 3
    # Without its comments it is the stream that the server sent.
    events = [part for part in content.replace(": ping\n\n", "").split("\n\n") if part]
    assert all(part.startswith(("data: ", "event: ")) for part in events) and LAST_EVENTS[dialect] in events[-1]
    assert (event["said"], event["calls"][0]["name"], event["error"]) == ("A long thought.", "bash", None)


@every_dialect
def test_a_request_that_is_refused_after_comments_is_an_error_event(
    dialect: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proxy_module, "PING_S", 0.02)
    got: list[tuple[int, str]] = []

    async def work(proxy: Proxy, ask: Asking) -> None:
        got.append(await ask(dialect, lambda content: model.go_on(), stream=True))

    with ScriptedModel([Turn("too long", status=400, trouble="wait")]) as model:
        through(model, work)
    ((status, content),) = got
    assert status == 200 and content.startswith(": ping\n\n") and "too long" in content


@every_dialect
def test_a_call_without_tools_is_counted_apart(dialect: str) -> None:
    async def work(proxy: Proxy, ask: Asking) -> None:
        await ask(dialect, tools=[])

    with ScriptedModel([]) as model:
        record = through(model, work)
    (turn,) = record.take()
    assert turn["is_side"] and record.spent.side_tokens > 0 and record.spent.output_tokens == 0
    assert len(model.side_calls) == 1
