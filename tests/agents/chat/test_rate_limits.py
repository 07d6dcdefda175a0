"""A server that takes only so much is asked for so much: nothing fails for a 429, and what waits too long is owed."""

import asyncio
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from infraray.agents.chat import client
from infraray.agents.chat.places import FIRST_PLACES, Places
from infraray.agents.chat.retry_after import retry_after_s
from infraray.errors import Unavailable
from tests.agents.chat.play import agent_at, play
from tests.openai_server import Limiter, Server


@pytest.fixture(autouse=True)
def short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FIRST_BACKOFF_S", 0.02)


def in_half_a_second() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)


@pytest.mark.parametrize("retry_after", [None, lambda: "0.2", in_half_a_second])
def test_conversations_wait_for_a_server_that_takes_few_requests_a_second(
    retry_after: Callable[[], str] | None,
) -> None:
    async def run() -> None:
        with Server() as server:
            server.limiter = limiter = Limiter(a_window=8, window_s=0.2, retry_after=retry_after)
            agents = [agent_at(server, max_retries=0) for _ in range(30 if retry_after is in_half_a_second else 60)]
            played = await asyncio.gather(*(play(agent, 1, seed=seed) for seed, agent in enumerate(agents)))
            assert all(info["valid"] for turns in played for _, info in turns)
            assert 0 < limiter.refused < 5 * len(agents)

    asyncio.run(run())


@pytest.mark.parametrize("at_once", [1, 3, 10])
def test_requests_in_flight_come_down_to_what_the_server_takes_at_once(at_once: int) -> None:
    async def run() -> None:
        with Server() as server:
            server.delay_s = 0.02
            server.limiter = limiter = Limiter(at_once=at_once)
            agents = [agent_at(server, max_retries=0) for _ in range(40)]
            played = await asyncio.gather(*(play(agent, 3, seed=seed) for seed, agent in enumerate(agents)))
            assert all(info["valid"] for turns in played for _, info in turns)
            assert len(server.requests) == 120 and limiter.most == at_once
            assert limiter.refused < 120

    asyncio.run(run())


@pytest.mark.parametrize("retry_after", [None, lambda: "0.05", lambda: "3600"])
def test_a_server_that_takes_nothing_is_left_when_patience_is_over(retry_after: Callable[[], str] | None) -> None:
    async def run() -> None:
        with Server() as server:
            server.limiter = limiter = Limiter(a_window=0, retry_after=retry_after)
            began = asyncio.get_running_loop().time()
            with pytest.raises(Unavailable, match=r"takes no request within 0\.5 s \(patience_s\).*slow down"):
                await play(agent_at(server, patience_s=0.5), 1)
            took_s = asyncio.get_running_loop().time() - began
            # What the server will not take in time is not waited for.
            assert limiter.refused == 1 if retry_after and retry_after() == "3600" else 0.4 < took_s < 5

    asyncio.run(run())


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"date": "Wed, 21 Oct 2015 07:28:00 GMT", "retry-after": "Wed, 21 Oct 2015 07:28:30 GMT"}, 30),
        ({"date": "Wed, 21 Oct 2015 07:28:00 GMT", "retry-after": "Wednesday, 21-Oct-15 07:28:30 GMT"}, 30),
        ({"date": "Wed, 21 Oct 2015 07:28:00 GMT", "retry-after": "Wed Oct 21 07:29:00 2015"}, 60),
        ({"date": "Wed, 21 Oct 2015 07:28:00 GMT", "retry-after": "Wed, 21 Oct 2015 07:27:00 GMT"}, 0),
        ({"date": "never", "retry-after": "Wed, 21 Oct 2015 07:27:00 GMT"}, 0),
        ({"retry-after-ms": "soon", "retry-after": "2"}, 2),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "in a while"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
    ],
)
def test_both_forms_of_retry_after_are_read(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds


def test_a_date_counts_from_now_where_the_server_says_no_time() -> None:
    found = retry_after_s({"retry-after": format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)})
    assert found is not None and math.isclose(found, 90, abs_tol=5)


def test_places_grow_with_answers_and_halve_once_for_all_that_were_under_way() -> None:
    async def run() -> None:
        places = Places()
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(5):
            held = [places.one() for _ in range(FIRST_PLACES)]
            asked = [await place.__aenter__() for place in held]
            for _ in held:
                places.answered()
            assert places.number == 2 * FIRST_PLACES
            for at in asked:
                places.refused(at)
            assert places.number == FIRST_PLACES / 2
            places.refused(loop.time(), pause_s=0.05)
            assert places.number == FIRST_PLACES / 4
            for place in held:
                await place.__aexit__(None, None, None)
            closed = loop.time()
            async with places.one() as since:
                assert since - closed > 0.04

    asyncio.run(run())


def test_a_place_that_nobody_waits_for_any_more_is_given_to_the_next() -> None:
    async def run() -> None:
        places = Places(1)

        async def hold() -> None:
            async with places.one():
                pass

        async with places.one():
            gone, next_one = asyncio.create_task(hold()), asyncio.create_task(hold())
            await asyncio.sleep(0)
            gone.cancel()
        gone.cancel()
        await asyncio.wait_for(next_one, 5)
        assert places.taken == 0

    asyncio.run(run())
