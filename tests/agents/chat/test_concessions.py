"""What a server refuses is left out by trial, whatever its wording; what it takes is remembered."""

import asyncio
import itertools
import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from infraray.agents.chat.concessions import EMPTY_ANSWERS, SYSTEM_ROLE
from infraray.errors import InfrarayError
from tests.agents.chat.play import agent_at, play
from tests.openai_server import Reply, Server

Refusal = tuple[dict[str, Any], int]
Objection = Callable[[dict[str, Any]], Refusal | None]


def choosy(objection: Objection, says: Iterable[str] = ()) -> Server:
    """Refuses what `objection` says, None for nothing, and says one thing after the other, "0" in the end."""
    following = itertools.chain(says, itertools.repeat("0"))

    def answer(body: dict[str, Any]) -> Reply:
        refusal = objection(body)
        return Reply(next(following)) if refusal is None else Reply(document=refusal[0], status=refusal[1])

    return Server(answer)


WORDINGS: list[Callable[[str], Refusal]] = [
    lambda name: ({"error": {"message": f"Unknown name '{name}': cannot find field", "param": None}}, 400),
    lambda name: ({"error": {"message": f"argument `{name}` must not be present"}}, 400),
    lambda name: ({"error": {"message": "Invalid request", "param": name}}, 400),
    lambda name: ({"error": {"message": "Bad parameter", "param": f"generation_config.{name}"}}, 400),
    lambda name: ({"detail": [{"type": "extra_forbidden", "loc": ["body", name], "msg": "not today"}]}, 422),
    lambda name: ({"message": f"we do without {name.replace('_', ' ')} here", "code": 20015}, 400),
    lambda name: ({"error": f"{name} is deprecated for this model"}, 400),
    lambda name: (
        {"error": {"message": f"`{name}` may only be 1 for this model", "type": "invalid_request_error"}},
        400,
    ),
]
OPTIONS = ["temperature", "seed", "stream_options", "stream", "max_tokens"]


@pytest.mark.parametrize(("wording", "name"), list(itertools.product(WORDINGS, OPTIONS)))
def test_an_option_that_is_named_is_left_out(wording: Callable[[str], Refusal], name: str) -> None:
    async def run() -> None:
        with choosy(lambda body: wording(name) if name in body else None) as server:
            played = await play(agent_at(server), 2)
            assert all(info["valid"] for _, info in played)
            assert [name in body for body in server.requests] == [True, False, False]
            if name == "max_tokens":
                assert server.requests[-1]["max_completion_tokens"] == server.requests[0]["max_tokens"]
            elif not name.startswith("stream"):
                assert played[1][0].extra["left_out"] == [name]

    asyncio.run(run())


@pytest.mark.parametrize("several", [("temperature", "seed"), OPTIONS, (*OPTIONS, "max_completion_tokens")])
def test_several_options_are_left_out_one_after_the_other(several: tuple[str, ...]) -> None:
    def objection(body: dict[str, Any]) -> Refusal | None:
        named = next((name for name in several if name in body), None)
        return None if named is None else WORDINGS[0](named)

    async def run() -> None:
        with choosy(objection) as server:
            assert [info["valid"] for _, info in await play(agent_at(server), 2)] == [True, True]
            assert not set(several).intersection(server.requests[-1])

    asyncio.run(run())


def test_only_what_helps_is_left_out() -> None:
    def objection(body: dict[str, Any]) -> Refusal | None:
        return ({"error": {"message": "temperature, seed: one is wrong"}}, 400) if "seed" in body else None

    async def run() -> None:
        with choosy(objection) as server:
            (_, _), (turn, _) = await play(agent_at(server), 2)
            assert turn.extra["left_out"] == ["seed"] and "temperature" in server.requests[-1]

    asyncio.run(run())


def test_what_no_concession_mends_fails_in_the_servers_words_and_is_soon_over() -> None:
    async def run() -> None:
        everything = {"error": {"message": f"one of {', '.join(OPTIONS)}, the system role or empty content is wrong"}}
        with choosy(lambda body: (everything, 400)) as server:
            with pytest.raises(InfrarayError, match="one of temperature"):
                await play(agent_at(server), 1)
            assert len(server.requests) < 12
            server.says = "0"
            ((turn, _),) = await play(agent_at(server), 1)
            assert turn.extra["left_out"] == [] and server.requests[-1]["messages"][0]["role"] == "system"

    asyncio.run(run())


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("System role not supported", 400),
        ("Developer instruction is not enabled: role 'system'", 400),
        ("Conversation roles must alternate user/assistant/user/assistant/...", 400),
        ('messages: Unexpected role "system". The Messages API accepts a top-level `system` parameter', 400),
        ("Jinja Exception: System role not supported", 500),
    ],
)
def test_models_without_a_system_role_are_played(reason: str, status: int) -> None:
    def objection(body: dict[str, Any]) -> Refusal | None:
        roles = [message["role"] for message in body["messages"]]
        fits = roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]
        return None if fits else ({"error": {"message": reason, "code": status}}, status)

    async def run() -> None:
        with choosy(objection) as server:
            agent = agent_at(server, strategy="few_shot")
            played = await play(agent, 3)
            assert all(info["valid"] for _, info in played)
            assert played[-1][0].extra["left_out"] == [SYSTEM_ROLE]
            task = server.requests[0]["messages"][0]["content"]
            assert all(task in body["messages"][0]["content"] for body in server.requests[1:])
            assert len(server.requests) == 4

    asyncio.run(run())


@pytest.mark.parametrize(
    "reason",
    [
        "messages: text content blocks must be non-empty",
        "Invalid assistant message: content or tool_calls must be set",
        "all messages must have non-empty content except for the optional final assistant message",
        "String should have at least 1 character",
        "[] is too short - 'messages.2.content'",
    ],
)
def test_servers_that_refuse_empty_turns_are_played(reason: str) -> None:
    def objection(body: dict[str, Any]) -> Refusal | None:
        empty = any(not message["content"].strip() for message in body["messages"])
        return ({"error": {"message": reason}}, 400) if empty else None

    async def run() -> None:
        with choosy(objection, ["", "server 1", " \n", "server 1"]) as server:
            played = await play(agent_at(server), 4)
            assert [info["valid"] for _, info in played] == [False, True, False, True]
            assert played[1][0].extra["left_out"] == [EMPTY_ANSWERS]
            assert json.dumps(played[3][0].extra["messages"]).count('"content": ""') >= 1  # kept as it was said

    asyncio.run(run())
