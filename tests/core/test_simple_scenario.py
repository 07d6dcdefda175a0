"""A `SimpleScenario`: words, manual, score and bound follow from a state, a step and what it earns."""

import math

import numpy as np
import pytest

import infraray
from infraray.errors import InfrarayError
from infraray.testing import ScenarioConformance


class Racks(infraray.SimpleScenario):
    """You cool racks.

    In each step you choose
    the rack that gets the fan.
    """

    scenario = "racks"
    score = infraray.Score("cooled", "K", higher_is_better=True, low=0.0, high=9.0)
    lookahead = 1
    action = "rack"
    observes = (
        infraray.ObservedField("heat", 3, "K", "heat of each rack"),
        infraray.ObservedField("fans", 1, "1", "fans"),
    )

    def choices(self):
        return 3

    def steps(self):
        return 4

    def start(self, random):
        self.fans = 1
        self.all_heat = random.integers(1, 10, (5, 3))
        self.heat = self.all_heat[0]

    def decide(self, action):
        cooled = self.heat[action]
        self.heat = self.all_heat[self.played + 1]
        return cooled


@pytest.fixture(autouse=True)
def racks():
    infraray.register("tests/Racks-v0", name="racks", entry_point=Racks)


class TestRacks(ScenarioConformance):
    scenario = "racks"


@infraray.register_agent("hottest", scenario="racks")
class Hottest(infraray.ScriptedAgent):
    def act(self, observation):
        return int(np.argmax(observation.heat))


@infraray.register_agent("constant", scenario="racks")
class Constant(infraray.BestConstant):
    pass


def test_what_agents_read_follows_from_the_state():
    environment = infraray.make("racks")
    observation, _ = environment.reset(seed=1)
    heat = [int(value) for value in observation.heat]
    assert observation["text_observation"] == f"heat: {heat[0]}, {heat[1]}, {heat[2]} K\nfans: 1"
    assert observation["task_description"] == "You cool racks. In each step you choose the rack that gets the fan."
    assert '{"rack": 2}' in observation["available_actions"]


def test_the_score_is_the_mean_of_what_was_earned():
    environment = infraray.make("racks")
    environment.reset(seed=1)
    assert math.isnan(environment.verdict().score)
    earned = [environment.step('{"rack": 1}')[1] for _ in range(4)]
    assert environment.verdict().score == pytest.approx(sum(earned) / 4)
    assert environment.bound() == 9.0


def test_a_score_without_a_limit_needs_a_bound():
    class Endless(Racks):
        """Heat without end."""

        scenario = "endless"
        score = infraray.Score("cooled", "K", higher_is_better=True, low=0.0)

    environment = Endless()
    environment.reset(seed=1)
    with pytest.raises(InfrarayError, match=r"^endless: the best score is unknown; give its high= to infraray.Score"):
        environment.bound()


def test_a_manual_that_is_written_stays():
    class Told(Racks):
        """You cool racks.

        ## Description
        By hand.
        """

        scenario = "told"

    assert "## Reward" in Racks.__doc__ and "- heat (3, K): heat of each rack" in Racks.__doc__
    assert "## Reward" not in Told.__doc__ and Told().describe_task() == "You cool racks."
