"""How much is asked at once is the user's to say: in the run, and at each server."""

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from infraray import run
from infraray.agents.chat.places import Share
from tests.actors.watching import processes
from tests.openai_server import Server

pytestmark = pytest.mark.usefixtures("ray_session")


class Played(NamedTuple):
    """What a run's server saw."""

    at_once: int
    workers: int
    """Processes that played."""


def played(tmp_path: Path, seeds: int = 24, query: str = "", **fields: Any) -> Played:
    workers = [0]

    def answer(body: dict[str, Any]) -> str:
        workers.append(len(processes("ray::ConversationWorker")))
        return "0"

    scenario = {"scenario": "load_balance", "max_episode_steps": 2, "parameters": {"warmup_steps": 0}}
    with Server(answer) as server:
        server.delay_s = 0.03
        asked = {"name": "many", "scenarios": [scenario], "agents": [f"chat:m@{server.url}{query}"], "seeds": seeds}
        summary = run({**asked, **fields}, tmp_path / "run", quiet=True)
    assert (summary.finished, summary.failed, summary.owed) == (seeds, 0, 0)
    return Played(server.most_in_flight, max(workers))


@pytest.mark.parametrize("most", [1, 3])
def test_a_run_has_no_more_conversations_under_way(tmp_path: Path, most: int) -> None:
    seen = played(tmp_path, concurrency=most, workers=2)
    assert seen.at_once <= most
    assert seen.workers == min(most, 2)


@pytest.mark.parametrize("most", [1, 5])
def test_a_server_is_asked_for_no_more_at_once(tmp_path: Path, most: int) -> None:
    assert played(tmp_path, query=f"?concurrency={most}", workers=2).at_once <= most


def test_as_many_processes_play_conversations_as_were_asked_for(tmp_path: Path) -> None:
    seen = played(tmp_path, workers=3)
    assert seen.workers == 3 and seen.at_once > 8


def test_two_processes_play_conversations_where_there_are_two_cores(tmp_path: Path) -> None:
    assert played(tmp_path).workers == 2


def test_few_conversations_start_one_process(tmp_path: Path) -> None:
    assert played(tmp_path, seeds=3).workers == 1


@pytest.mark.parametrize("processes_", range(1, 6))
@pytest.mark.parametrize("most", [1, 2, 7, 256])
def test_shares_add_up(most: int, processes_: int) -> None:
    shares = [Share(index, processes_).of_all(most) for index in range(processes_)]
    assert sum(shares) == most and max(shares) - min(shares) <= 1
