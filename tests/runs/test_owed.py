"""What a plan owes is what is not collected, whatever that is, and only what is collected is looked up."""

import random
from collections import Counter
from typing import Any

import pytest

from infraray.runs.owed import Owed
from infraray.runs.plan import Plan
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec
from infraray.trajectories.index import EpisodeIndex

ENGINE: dict[str, Any] = {"engine": "vllm", "model": "m"}


def plan(seeds: int = 40) -> Plan:
    small = {"scored_steps": 20, "warmup_steps": 5}
    scenarios = [
        {"scenario": "load_balance", "parameters": small, "agents": ["engine:first"]},
        {"scenario": "load_balance", "parameters": small, "label": "again", "seeds": "500:503", "agents": ["engine:b"]},
    ]
    about = {"name": "owing", "agents": ["scripted:random", "chat:m@http://127.0.0.1:9/v1"], "repetitions": 2}
    engines = {"first": ENGINE, "b": ENGINE}
    return make_plan(RunSpec.parse({**about, "scenarios": scenarios, "seeds": seeds, "engines": engines}))


def holding(ids: list[bytes]) -> EpisodeIndex:
    index = EpisodeIndex()
    index.add(ids)
    return index


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.98, 1.0])
def test_owed_is_what_is_planned_and_not_collected(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infraray.runs.owed.AT_ONCE", 7)
    wanted = plan()
    drawn = random.Random(str(share))
    planned = list(wanted.episodes())
    collected = [spec for spec in planned if drawn.random() < share]
    ids = {spec.id for spec in collected}
    owed = Owed(wanted, holding([*ids, bytes(16)]))
    for kind in (False, True):
        expected = [spec.id for spec in planned if spec.entry.conversational is kind and spec.id not in ids]
        assert [spec.id for spec in owed.episodes(kind)] == expected
    assert owed.total == len(planned) - len(collected)
    assert owed.found == Counter((spec.entry.label, spec.entry.agent) for spec in collected)
    on_engines = {spec.entry.agent for spec in planned if spec.entry.engine is not None and spec.id not in ids}
    assert sorted(owed.engines) == sorted(agent.removeprefix("engine:") for agent in on_engines)


def test_nothing_is_identified_where_nothing_is_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = plan()
    with monkeypatch.context() as patched:
        patched.setattr("infraray.episodes.identity.episode_id", None)
        owed = Owed(wanted, EpisodeIndex())
    assert (owed.total, owed.engines, owed.found) == (wanted.total, ["first", "b"], Counter())
    assert [spec.id for spec in owed.episodes(True)] == [spec.id for spec in wanted.episodes(True)]
