"""How many episodes travel together: enough for the driver to handle all workers, and a fair share for each of them."""

from __future__ import annotations

import math

import pytest

from infraray.actors.batches import QUEUED_BATCHES, batch_s, batches
from infraray.episodes import EpisodeSpec
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec

WHO = ("caching", "scripted:lru")


def episodes(count: int) -> list[EpisodeSpec]:
    asked = {"name": "batches", "scenarios": ["caching"], "agents": ["scripted:lru"], "seeds": count}
    return list(make_plan(RunSpec.parse(asked)).episodes())


@pytest.mark.parametrize(("count", "workers"), [(8, 8), (9, 8), (5, 64), (40, 16)])
def test_few_episodes_of_unknown_length_are_shared_by_all_workers(count: int, workers: int) -> None:
    specs = episodes(count)
    sent = list(batches(iter(specs), workers, {}))
    assert [spec for batch in sent for spec in batch] == specs
    assert max(map(len, sent)) == math.ceil(count / (QUEUED_BATCHES * workers))


@pytest.mark.parametrize("workers", [1, 2, 300, 1000])
@pytest.mark.parametrize("episode_s", [0.005, 0.05, 0.2])
def test_no_batch_but_the_last_is_shorter_than_the_driver_can_handle(workers: int, episode_s: float) -> None:
    specs = episodes(3000)
    sent = list(batches(iter(specs), workers, {WHO: episode_s}))
    assert [spec for batch in sent for spec in batch] == specs
    seconds = [len(batch) * episode_s for batch in sent]
    assert min(seconds[:-1], default=math.inf) >= batch_s(workers) / 4 - 1e-9
    assert max(seconds) <= batch_s(workers) + episode_s
