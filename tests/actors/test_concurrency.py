"""How much is asked at once is the user's to say: in the run, and at each server."""

from pathlib import Path
from typing import Any

import pytest

from infraray import run
from infraray.agents.chat.places import Share
from tests.actors.watching import processes
from tests.agents.chat.server import Limiter, Server, in_thread

pytestmark = [pytest.mark.usefixtures("ray_session"), pytest.mark.timeout(120)]


class Counting(Server):
    """Counts the processes that play, when it is asked."""

    workers = 0

    async def answer(self, request: Any, body: dict[str, Any]) -> Any:
        self.workers = max(self.workers, len(processes("ray::ConversationWorker")))
        return await super().answer(request, body)


def played(tmp_path: Path, seeds: int = 24, query: str = "", **fields: Any) -> Counting:
    server = Counting()
    server.limiter, server.delay_s = Limiter(), 0.03
    scenario = {"scenario": "load_balance", "max_episode_steps": 2, "parameters": {"warmup_steps": 0}}
    with in_thread(server):
        asked = {"name": "many", "scenarios": [scenario], "agents": [f"chat:m@{server.url}{query}"], "seeds": seeds}
        summary = run({**asked, **fields}, tmp_path / "run", quiet=True)
    assert (summary.finished, summary.failed, summary.owed) == (seeds, 0, 0)
    return server


@pytest.mark.parametrize("most", [1, 3])
def test_a_run_has_no_more_conversations_under_way(tmp_path: Path, most: int) -> None:
    server = played(tmp_path, concurrency=most, workers=2)
    assert server.limiter is not None and server.limiter.most <= most
    assert server.workers == min(most, 2)


@pytest.mark.parametrize("most", [1, 5])
def test_a_server_is_asked_for_no_more_at_once(tmp_path: Path, most: int) -> None:
    server = played(tmp_path, query=f"?concurrency={most}", workers=2)
    assert server.limiter is not None and server.limiter.most <= most


def test_as_many_processes_play_conversations_as_were_asked_for(tmp_path: Path) -> None:
    server = played(tmp_path, workers=3)
    assert server.workers == 3 and server.limiter is not None and server.limiter.most > 8


def test_two_processes_play_conversations_where_there_are_two_cores(tmp_path: Path) -> None:
    assert played(tmp_path).workers == 2


def test_few_conversations_start_one_process(tmp_path: Path) -> None:
    assert played(tmp_path, seeds=3).workers == 1


@pytest.mark.parametrize("processes_", range(1, 6))
@pytest.mark.parametrize("most", [1, 2, 7, 256])
def test_shares_add_up(most: int, processes_: int) -> None:
    shares = [Share(index, processes_).of_all(most) for index in range(processes_)]
    assert sum(shares) == most and max(shares) - min(shares) <= 1
