"""A scenario of your own in one file: an autoscaler that must keep up with demand.

infraray run --import examples/own_scenario.py --scenario autoscale --agent 'scripted:*' --seeds 50
"""

import math

import numpy as np

import infraray


class Autoscale(infraray.SimpleScenario):
    """You scale a service.

    Each minute you set how many replicas run in the next one. An idle replica costs 1, unserved requests worth one
    replica cost 10. Keep the mean cost low.
    """

    scenario = "autoscale"
    score = infraray.Score("mean_cost", "1/min", higher_is_better=False, low=0.0)
    action = "replicas"
    expert = "scripted:follow"
    observes = (
        infraray.ObservedField("demand", 1, "replicas", "the last minute's demand"),
        infraray.ObservedField("replicas", 1, "1", "replicas that run"),
    )

    class Parameters(infraray.Parameters):
        max_replicas: int = infraray.parameter(20, ge=1, le=1000, unit="1", description="replicas at most")
        minutes: int = infraray.parameter(240, ge=1, le=10_000, unit="min", description="length of an episode")

    def choices(self):
        return self.parameters.max_replicas + 1

    def steps(self):
        return self.parameters.minutes

    def start(self, random):
        day = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(self.steps() + 1) / 240 + random.random()))
        self.demands = 0.7 * self.parameters.max_replicas * day * random.normal(1, 0.15, len(day)).clip(0, 1.4)
        self.demand, self.replicas = self.demands[0], 1

    def decide(self, action):
        self.demand, self.replicas = self.demands[self.played + 1], action
        return -cost(self.demand, action)

    def bound(self):
        """With known demand, each minute's best number of replicas is one of the two whole numbers around it."""
        demands = self.demands[1 : self.played + 1]
        return sum(min(cost(d, math.floor(d)), cost(d, math.ceil(d))) for d in demands) / max(1, len(demands))


def cost(demand, replicas):
    return replicas - demand if replicas >= demand else 10 * (demand - replicas)


infraray.register("examples/Autoscale-v0", name="autoscale", entry_point=Autoscale)


@infraray.register_agent("follow", scenario="autoscale")
class Follow(infraray.ScriptedAgent):
    """As many replicas as the last minute needed, plus a spare share."""

    def __init__(self, spare: float = 0.3):
        self.spare = spare

    def act(self, observation):
        return min(math.ceil((1 + self.spare) * observation.demand[0]), int(self.briefing.action_space.n) - 1)


@infraray.register_agent("constant", scenario="autoscale")
class Constant(infraray.BestConstant):
    """The best fixed number of replicas, found on other days."""
