"""No prompt is longer than the model's context, and memory keeps what it says."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infraray.agents.chat.budget import TokenBudget
from infraray.agents.chat.memory import make_memory
from infraray.agents.chat.messages import assistant, user
from infraray.errors import InfrarayError
from tests.agents.chat.play import agent_at, play
from tests.openai_server import Server, tokens

TEXTS = st.lists(st.text(max_size=200), min_size=1, max_size=8)


@given(TEXTS, TEXTS, st.integers(1, 4))
def test_the_estimate_is_never_below_a_tokenizer_of_bytes_or_less(seen: list[str], new: list[str], size: int) -> None:
    budget = TokenBudget(10_000, 100)
    messages = [user(text) for text in seen]
    assert budget.estimate(messages) >= sum(len(text.encode()) + 8 for text in seen)
    length = sum(len(text.encode()) // size + 1 for text in seen)
    budget.learn(messages, length)
    assert budget.estimate(messages) >= length
    assert budget.estimate([*messages, user("x")]) > budget.estimate(messages)


@given(st.integers(64, 10_000), st.integers(1, 20_000), TEXTS)
def test_prompt_and_answer_fit_the_context(context: int, max_tokens: int, texts: list[str]) -> None:
    budget = TokenBudget(context, max_tokens)
    messages = [user(text) for text in texts]
    if budget.estimate(messages) <= budget.prompt_tokens:
        assert budget.estimate(messages) + budget.answer_tokens(messages) <= context
    assert 1 <= budget.answer_tokens(messages) <= max_tokens


def fits_always(server: Server) -> None:
    for body in server.requests:
        assert tokens(body["messages"]) + body["max_tokens"] <= server.context


@pytest.mark.parametrize("memory", ["all", "last:3", "summary"])
@pytest.mark.parametrize("scenario", ["load_balance", "abr", "caching"])
@pytest.mark.parametrize("tokenize", [True, False])
def test_a_long_episode_never_overflows(memory: str, scenario: str, tokenize: bool) -> None:
    async def run() -> None:
        with Server(lambda body: "0" if len(body["messages"]) > 1 else "all well") as server:
            server.context = 9000
            server.always = set() if tokenize else {"no_tokenize"}
            played = await play(agent_at(server, memory=memory, max_tokens=50), 25, scenario)
            assert all(info["valid"] for _, info in played)
            fits_always(server)
            assert len(server.requests) < 40
            if memory != "last:3":
                longest = max(tokens(body["messages"]) for body in server.requests)
                assert longest > 0.6 * server.context
            for body in server.requests:
                if len(body["messages"]) > 1:
                    assert body["messages"][0]["role"] == "system"

    asyncio.run(run())


@settings(max_examples=10)
@given(context=st.integers(2000, 6000), answer=st.integers(1, 300))
def test_no_context_is_too_odd(context: int, answer: int) -> None:
    async def run() -> None:
        with Server(lambda body: "x" * answer + " server 0") as server:
            server.context = context
            await play(agent_at(server, max_tokens=320), 12)
            fits_always(server)

    asyncio.run(run())


@pytest.mark.parametrize("always", [{"no_max_model_len"}, {"no_max_model_len", "vague"}])
def test_an_overflow_is_answered_with_a_shorter_prompt(always: set[str]) -> None:
    async def run() -> None:
        with Server() as server:
            server.context = 3500
            server.always = always
            played = await play(agent_at(server, max_tokens=50), 12)
            assert all(info["valid"] for _, info in played)
            refused = [b for b in server.requests if tokens(b["messages"]) + b["max_tokens"] > server.context]
            assert len(refused) == 1

    asyncio.run(run())


def test_a_context_that_is_too_small_for_the_task_is_told() -> None:
    async def run() -> None:
        with Server() as server:
            server.context = 400
            with pytest.raises(InfrarayError, match="too long for its context: This model's maximum context length"):
                await play(agent_at(server), 1)

    asyncio.run(run())


def test_examples_give_way_before_the_task_does() -> None:
    async def run() -> None:
        with Server() as server:
            server.context = 2500
            await play(agent_at(server, strategy="few_shot", examples=20, max_tokens=20), 5)
            fits_always(server)
            assert all(len(body["messages"]) > 4 for body in server.requests)

    asyncio.run(run())


def test_last_keeps_the_last_turns() -> None:
    async def run() -> None:
        with Server() as server:
            await play(agent_at(server, memory="last:2"), 5)
            assert [len(body["messages"]) for body in server.requests] == [2, 4, 6, 6, 6]
            server.seen.clear()
            await play(agent_at(server, memory="last:0"), 3)
            assert [len(body["messages"]) for body in server.requests] == [2, 2, 2]

    asyncio.run(run())


def test_a_summary_is_made_by_the_model_and_shown_from_then_on() -> None:
    def say(body: dict[str, Any]) -> str:
        if body["messages"][-1]["content"].endswith("Your summary:"):
            return "Server 0 is SLOW."
        return "0"

    async def run() -> None:
        with Server(say) as server:
            server.context = 3500
            played = await play(agent_at(server, memory="summary", max_tokens=50), 15)
            asides = [body for body in server.requests if body["messages"][-1]["content"].endswith("Your summary:")]
            assert 1 <= len(asides) < 6
            assert "Server 0 is SLOW." in server.requests[-1]["messages"][0]["content"]
            summed = [turn for turn, _ in played if turn.extra["requests"] == 2]
            assert len(summed) == len(asides) and all(turn.output_tokens > 1 for turn in summed)
            fits_always(server)

    asyncio.run(run())


def test_nothing_of_an_episode_reaches_the_next() -> None:
    async def run() -> None:
        with Server() as server:
            agent = agent_at(server)
            await play(agent, 3)
            await play(agent, 1)
            assert len(server.requests[-1]["messages"]) == 2

    asyncio.run(run())


def test_memories_forget_the_oldest_first() -> None:
    memory = make_memory("all")
    for turn in range(3):
        memory.remember([user(f"state {turn}"), assistant("0")])
    assert memory.forget_oldest()
    assert [message["content"] for message in memory.messages()] == ["state 1", "0", "state 2", "0"]
