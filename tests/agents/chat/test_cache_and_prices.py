"""A re-run is free and exact; what tokens cost is the user's table."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from infraray.agents.chat.cache import ResponseCache
from infraray.agents.chat.prices import read_price
from infraray.errors import InfrarayError
from tests.agents.chat.play import agent_at, play
from tests.openai_server import Server


def counting() -> Any:
    answers = iter(range(10_000))
    return lambda body: f"This is answer {next(answers)}.\nserver 1"


@pytest.mark.parametrize("strategy", ["zero_shot", "react", "structured"])
@pytest.mark.parametrize("memory", ["all", "summary"])
def test_a_second_run_makes_no_request_and_is_the_same(tmp_path: Path, strategy: str, memory: str) -> None:
    async def run() -> None:
        with Server(counting()) as server:
            server.context = 3000
            server.always = {"no_response_format", "no_tools"}
            options = {"strategy": strategy, "memory": memory, "cache": str(tmp_path), "max_tokens": 60}
            first = await play(agent_at(server, **options), 12)
            made, probes = len(server.requests), server.probes
            again = await play(agent_at(server, **options), 12)
            assert (len(server.requests), server.probes) == (made, probes)
            for (one, info), (other, other_info) in zip(first, again, strict=True):
                assert not one.extra["cached"] and other.extra["cached"]
                assert {**one.extra, "cached": True} == other.extra
                assert one[:3] == other[:3] and info == other_info
            await play(agent_at(server, **options), 1, agent_seed=8)
            await play(agent_at(server, **options, temperature=0.5), 1)
            assert len(server.requests) > made + 1

    asyncio.run(run())


def test_many_writers_share_a_cache(tmp_path: Path) -> None:
    def write(writer: int) -> None:
        cache = ResponseCache(tmp_path)
        for number in range(50):
            cache.put({"number": number}, {"writer": writer})
        cache.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    cache = ResponseCache(tmp_path)
    assert all(cache.get({"number": number}) is not None for number in range(50))
    assert cache.get({"number": 50}) is None
    kept = cache.get({"number": 0})
    cache.put({"number": 0}, {"writer": "late"})
    assert cache.get({"number": 0}) == kept
    cache.close()


def test_many_open_a_new_cache_at_once(tmp_path: Path) -> None:
    for number in range(100):
        start = Barrier(8)

        def open_one(_: int, folder: Path = tmp_path / str(number), start: Barrier = start) -> None:
            start.wait()
            ResponseCache(folder).close()

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(open_one, range(8)))


def test_a_cache_that_can_not_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InfrarayError, match=r"cache=.*cannot be used"):
        ResponseCache(tmp_path / "file")


def test_cost_follows_the_table(tmp_path: Path) -> None:
    table = tmp_path / "prices.yaml"
    table.write_text("m: {input_per_million: 2.0, output_per_million: 8}\n")

    async def run() -> None:
        with Server() as server:
            ((turn, _),) = await play(agent_at(server, prices=str(table)), 1)
            assert turn.extra["cost"] == pytest.approx((turn.input_tokens * 2 + turn.output_tokens * 8) / 1e6)
            ((turn, _),) = await play(agent_at(server), 1)
            assert turn.extra["cost"] is None

    asyncio.run(run())


def test_a_wrong_table_is_told(tmp_path: Path) -> None:
    table = tmp_path / "prices.json"
    table.write_text('{"gpt-x": {"input_per_million": 1, "output_per_million": 2}}')
    assert read_price(table, "gpt-x").of(1_000_000, 0) == 1
    with pytest.raises(InfrarayError, match=r"no price for gpt-y; did you mean gpt-x\?"):
        read_price(table, "gpt-y")
    table.write_text('{"gpt-x": {"input": 1}}')
    with pytest.raises(InfrarayError, match=r"gpt-x\.input_per_million: required and not given"):
        read_price(table, "gpt-x")
    with pytest.raises(InfrarayError, match="cannot be read"):
        read_price(tmp_path / "none", "m")
