"""A scenario of your own in one file: an autoscaler that must not be late.

    infraray run --import examples/own_scenario.py --scenario autoscale --agent 'scripted:*' --seeds 50

Requests rise and fall over a day. Each minute the agent sets how many replicas shall run; a
replica that is started serves from the next minute on. Unserved requests cost ten times what an
idle replica costs.
"""

import math
from typing import ClassVar

import numpy as np
from gymnasium import spaces

import infraray
from infraray.answers import Choice

IDLE_COST = 1.0
UNSERVED_COST = 10.0


class AutoscaleParameters(infraray.Parameters):
    """The service and its day."""

    max_replicas: int = infraray.parameter(20, ge=1, le=1000, unit="1", description="replicas at most")
    minutes: int = infraray.parameter(240, ge=1, le=10_000, unit="min", description="length of an episode")
    noise: float = infraray.parameter(0.15, ge=0, le=1, unit="1", description="relative noise of the demand")


class Autoscale(infraray.Environment):
    """Set the number of replicas each minute.

    ## Description
    Demand, in replicas' worth of requests, follows a day with noise. What the agent sets serves
    the next minute.

    ## Observation
    demand (1): the last minute's demand; replicas (1): how many run; minute (1).

    ## Actions
    ``Discrete(max_replicas + 1)``: how many shall run in the next minute. Default: 0.

    ## Reward
    Minus the minute's cost: 1 an idle replica, 10 an unserved replica's worth of requests.

    ## Parameters
    max_replicas, minutes, noise.

    ## Episode end
    After ``minutes``. The score, lower is better, is the mean cost a minute.

    ## Baselines
    random (floor), constant, follow.

    ## Source
    This example.
    """

    scenario = "autoscale"
    score = infraray.Score("mean_cost", "1/min", higher_is_better=False, low=0.0)
    expert = "scripted:follow"
    Parameters = AutoscaleParameters
    parameters: AutoscaleParameters
    metadata: ClassVar = {"render_modes": ["ansi"], "render_fps": 1}

    def observed_fields(self):
        """What the numeric observation holds."""
        return (
            infraray.ObservedField("demand", 1, "replicas", "the last minute's demand"),
            infraray.ObservedField("replicas", 1, "1", "replicas that run"),
            infraray.ObservedField("minute", 1, "min", "minutes since the start"),
        )

    def make_action_space(self):
        """How many replicas shall run."""
        return spaces.Discrete(self.parameters.max_replicas + 1)

    def describe_task(self):
        """The system and the aim."""
        return (
            "You scale a service. Each minute you set how many replicas run in the next one. An idle replica costs "
            f"{IDLE_COST:g}, unserved requests worth one replica cost {UNSERVED_COST:g}. Keep the mean cost low."
        )

    def describe_actions(self):
        """What may be answered."""
        return f'Choose 0 to {self.parameters.max_replicas} replicas, for example {{"replicas": 3}}.'

    def begin(self, task):
        """Draws the day."""
        random = np.random.default_rng(task.seed)
        minutes = np.arange(self.parameters.minutes + 1)
        peak = 0.7 * self.parameters.max_replicas
        day = 0.5 - 0.5 * np.cos(2 * np.pi * (minutes / 240 + random.random()))
        noise = random.normal(1, self.parameters.noise, len(minutes)).clip(0)
        self.demand = (peak * day * noise).clip(0, self.parameters.max_replicas).tolist()
        self.replicas = 1
        self.minute = 0
        self.costs = []

    def numbers(self):
        """Demand, replicas, minute."""
        return np.array([self.demand[self.minute], self.replicas, self.minute], float)

    def words(self):
        """The same in words."""
        return f"Minute {self.minute}: demand {self.demand[self.minute]:.2f} replicas, {self.replicas} run."

    def advance(self, action):
        """Plays the next minute."""
        self.replicas = action
        self.minute += 1
        cost = self.cost(action, self.minute)
        self.costs.append(cost)
        return infraray.Outcome(-cost, terminated=self.minute == self.parameters.minutes)

    def cost(self, replicas, minute):
        """Cost of a minute with so many replicas."""
        missing = self.demand[minute] - replicas
        return UNSERVED_COST * missing if missing > 0 else IDLE_COST * -missing

    def answer_form(self):
        """A number of replicas: agents may write it in any of the usual ways."""
        return Choice("replicas", self.parameters.max_replicas + 1)

    def default_action(self):
        """None."""
        return 0

    def measure(self):
        """The mean cost."""
        return infraray.Measures(sum(self.costs) / len(self.costs) if self.costs else math.nan)

    def bound(self):
        """With the demand known, each minute's best number is one of the two whole numbers around it."""
        best = [
            min(self.cost(math.floor(self.demand[m]), m), self.cost(math.ceil(self.demand[m]), m))
            for m in range(1, self.minute + 1)
        ]
        return sum(best) / len(best) if best else math.nan


infraray.register("examples/Autoscale-v0", name="autoscale", entry_point=Autoscale)


@infraray.register_agent("follow", scenario="autoscale")
class Follow(infraray.ScriptedAgent):
    """As many replicas as the last minute needed, and some spare.

    Args:
        spare: share that is added to the demand.
    """

    def __init__(self, spare: float = 0.3) -> None:
        self.spare = spare

    def act(self, observation):
        """Needs demand."""
        wanted = math.ceil(observation.demand[0] * (1 + self.spare))
        return min(wanted, int(self.briefing.action_space.n) - 1)


@infraray.register_agent("constant", scenario="autoscale")
class Constant(infraray.BestConstant):
    """The best number of replicas for all day, found on other days."""
