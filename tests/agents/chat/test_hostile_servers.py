"""A server may be slow, rude, broken or gone: the episode goes on, or says in one line why it can not."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from infraray.agents.chat import client, listeners
from infraray.errors import InfrarayError
from tests.agents.chat.play import agent_at, play
from tests.openai_server import Reply, Server


@pytest.fixture(autouse=True)
def short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FIRST_BACKOFF_S", 0.02)


@pytest.fixture
def told() -> Iterator[list[str]]:
    lines: list[str] = []
    listeners.append(lines.append)
    yield lines
    listeners.remove(lines.append)


TROUBLES = ["429", "500", "drop", "broken", "html", "cut", "broken_json"]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_may_pass_is_repeated_and_recorded(trouble: str) -> None:
    async def run() -> None:
        with Server() as server:
            server.troubles = [trouble, trouble]
            before = time.perf_counter()
            (turn, info), (second, _) = await play(agent_at(server), 2)
            assert info["valid"] and turn.extra["retries"] == 2 and turn.extra["waited_s"] > 0
            assert second.extra["retries"] == 0
            if trouble == "429":
                assert time.perf_counter() - before > 0.4  # Retry-After, twice
            assert server.requests[0]["messages"] == server.requests[2]["messages"]

    asyncio.run(run())


def test_a_server_that_hangs_runs_into_the_time_out() -> None:
    async def run() -> None:
        with Server() as server:
            server.troubles = ["hang"]
            ((turn, info),) = await play(agent_at(server, request_timeout_s=0.3), 1)
            assert info["valid"] and turn.extra["retries"] == 1 and turn.extra["latency_s"] < 0.3

    asyncio.run(run())


def test_repetitions_are_bounded() -> None:
    async def run() -> None:
        with Server() as server:
            server.troubles = ["500"] * 100
            with pytest.raises(
                InfrarayError, match=r"m at http.*failed 4 times, last: status 500: the engine hiccuped$"
            ):
                await play(agent_at(server, max_retries=3), 1)
            assert len(server.requests) == 4

    asyncio.run(run())


@pytest.mark.parametrize(
    ("trouble", "reason"), [("401", "Incorrect API key provided"), ("quota", "You exceeded your current quota")]
)
def test_what_never_succeeds_is_told_at_once(trouble: str, reason: str) -> None:
    async def run() -> None:
        with Server() as server:
            server.troubles = [trouble]
            with pytest.raises(InfrarayError, match=reason):
                await play(agent_at(server), 1)
            assert len(server.requests) == 1

    asyncio.run(run())


def test_an_unknown_model_is_told_in_the_servers_words() -> None:
    async def run() -> None:
        with Server() as server:
            server.always = {"knows_its_models"}
            agent = agent_at(server)
            agent.model = "other"
            with pytest.raises(InfrarayError, match=r"The model `other` does not exist\. \(status 404\)$"):
                await play(agent, 1)

    asyncio.run(run())


def test_a_server_that_dies_and_comes_back_is_waited_for(told: list[str]) -> None:
    async def run() -> None:
        server = Server()
        with server:
            agents = [agent_at(server) for _ in range(5)]
            for agent in agents:
                await play(agent, 1)
        waiting = [asyncio.create_task(play(agent, 2)) for agent in agents]
        await asyncio.sleep(0.5)
        assert not any(task.done() for task in waiting)
        with server:
            for played in await asyncio.gather(*waiting):
                assert [info["valid"] for _, info in played] == [True, True]
        assert told == [f"endpoint {server.url} does not answer; waiting", f"endpoint {server.url} answers again"]

    asyncio.run(run())


def test_patience_has_an_end() -> None:
    async def run() -> None:
        with Server() as server:
            agent = agent_at(server, patience_s=0.3)
        with pytest.raises(InfrarayError, match=r"did not answer for 0\.3 s \(patience_s\)"):
            await play(agent, 1)

    asyncio.run(run())


class Two:
    """Hands out a first server until it fails, then the second."""

    def __init__(self, first: str, second: str) -> None:
        self.urls = [first, second]
        self.calls: list[str] = []

    async def assign(self, conversation: str) -> str:
        self.calls.append("assign")
        return self.urls[0]

    async def release(self, conversation: str) -> None:
        self.calls.append("release")

    async def failed(self, conversation: str, base_url: str) -> None:
        self.calls.append("failed")
        if base_url == self.urls[0]:
            self.urls.pop(0)


def test_a_conversation_moves_to_another_server_when_its_own_is_lost() -> None:
    from infraray.agents.chat import ChatAgent

    async def run() -> None:
        with Server() as dead:
            pass
        with Server() as alive:
            endpoints = Two(dead.url, alive.url)
            played = await play(ChatAgent("m", endpoints), 3)
            assert [info["valid"] for _, info in played] == [True] * 3
            assert endpoints.calls == ["assign", "failed", "assign", "release"]

    asyncio.run(run())


@pytest.mark.parametrize("lacking", ["no_stream", "ignores_stream", "no_stream_options", "no_usage"])
def test_a_server_may_lack_streams_and_usage(lacking: str) -> None:
    async def run() -> None:
        with Server() as server:
            server.always = {lacking}
            (turn, info), (second, _) = await play(agent_at(server), 2)
            assert info["valid"]
            counted = lacking not in ("no_stream_options", "no_usage")
            assert (turn.input_tokens is not None) == (second.output_tokens is not None) == counted
            streamed = lacking not in ("no_stream", "ignores_stream")
            assert (second.extra["time_to_first_token_s"] is not None) == streamed
            assert len(server.requests) <= 3  # what is refused once is not asked for again

    asyncio.run(run())


def test_the_newer_name_of_max_tokens_is_tried() -> None:
    async def run() -> None:
        with Server() as server:
            server.always = {"only_max_completion_tokens"}
            await play(agent_at(server, max_tokens=33), 2)
            assert [body.get("max_completion_tokens") for body in server.requests] == [None, 33, 33]

    asyncio.run(run())


def test_reasoning_is_kept_apart_from_the_answer() -> None:
    async def run() -> None:
        with Server() as server:
            server.says = Reply("0", reasoning="server 3 is slow")
            ((turn, _),) = await play(agent_at(server), 1)
            assert turn.extra["reasoning"] == "server 3 is slow" and turn.action == "0"
            server.says = "<think>server 4?\nno</think>\nserver 1"
            (turn, _), (second, _) = await play(agent_at(server), 2)
            assert turn.extra["reasoning"] == "server 4?\nno" and turn.action == "server 1"
            assert "think" not in str(second.extra["messages"])
            server.says = "server 4 ... no, I think"[:12] + "</think>server 2"
            ((turn, info),) = await play(agent_at(server), 1)
            assert info["action"] == 2

    asyncio.run(run())


def test_many_conversations_share_a_loop() -> None:
    async def run() -> None:
        with Server() as server:
            agents = [agent_at(server, memory="last:2") for _ in range(200)]
            runs = await asyncio.gather(*(play(agent, 3, seed=seed) for seed, agent in enumerate(agents)))
            assert all(info["valid"] for played in runs for _, info in played)
            assert len(server.requests) == 600 and server.probes == 1

    asyncio.run(run())


def test_half_a_character_is_a_wrong_answer_like_any_other(tmp_path: Path) -> None:
    async def run() -> None:
        with Server(Reply("\ud83d server one", reasoning="\ude00")) as server:
            (turn, info), _ = await play(agent_at(server, cache=str(tmp_path)), 2)
            assert not info["valid"] and turn.action.endswith(" server one")
            server.says = "\N{GRINNING FACE} server 1"
            ((turn, info),) = await play(agent_at(server), 1)
            assert info["valid"] and turn.action == "\N{GRINNING FACE} server 1"

    asyncio.run(run())
