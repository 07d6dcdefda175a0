"""What the record of an episode that failed says of its task."""

import math

import pytest

from infraray.episodes import EpisodePlayer
from infraray.runs.planning import make_plan
from infraray.runs.run_file import RunSpec

RAISER = """
from infraray.agents import Agent


class Raiser(Agent):
    def __init__(self, after=0):
        self.after = after

    def reset(self, briefing):
        self.steps = 0

    def act(self, observation):
        self.steps += 1
        if self.steps > self.after:
            raise ValueError("no idea")
        return 0
"""


@pytest.fixture
def player():
    player = EpisodePlayer(60.0)
    yield player
    player.close()


@pytest.mark.parametrize("scenario", ["load_balance", "caching", "abr"])
@pytest.mark.parametrize("after", [0, 3])
@pytest.mark.parametrize("limit", [None, 220])
def test_a_failed_episode_has_the_floor_and_bound_of_the_whole_task(tmp_path, player, scenario, after, limit):
    """Wherever it broke off: those that an agent has who plays to the end."""
    (tmp_path / "raiser.py").write_text(RAISER)
    section = {"scenario": scenario, "max_episode_steps": limit} if limit else {"scenario": scenario}
    agents = [f"python:{tmp_path / 'raiser.py'}:Raiser?after={after}", "scripted:random"]
    plan = make_plan(RunSpec.parse({"name": "x", "scenarios": [section], "agents": agents, "seeds": 2}))
    played = {(spec.entry.agent, spec.seed): player.play(spec) for spec in plan.episodes()}
    for seed in range(2):
        failed, whole = (played[agent, seed] for agent in agents)
        assert failed.measures is None and "no idea" in failed.failure
        assert math.isfinite(failed.floor) and math.isfinite(failed.bound)
        if scenario != "caching":  # where how far one comes in so many steps depends on who plays
            assert (failed.floor, failed.bound) == (whole.floor, whole.bound)


def test_a_scenario_that_fails_itself_leaves_floor_and_bound_unknown(tmp_path, player, monkeypatch):
    (tmp_path / "raiser.py").write_text(RAISER)
    agents = [f"python:{tmp_path / 'raiser.py'}:Raiser"]
    plan = make_plan(RunSpec.parse({"name": "x", "scenarios": ["load_balance"], "agents": agents, "seeds": 1}))
    (spec,) = plan.episodes()
    environment = type(spec.entry.make_environment())
    monkeypatch.setattr(environment, "bound", lambda self: 1 / 0)
    failed = player.play(spec)
    assert math.isnan(failed.floor) and math.isnan(failed.bound) and "no idea" in failed.failure
