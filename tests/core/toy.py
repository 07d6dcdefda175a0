"""The smallest scenario: a lamp that shows a number, and one point for saying it."""

import numpy as np
from gymnasium import spaces

from infraray import Choice, Environment, Measures, ObservedField, Outcome, Parameters, Score, Task, parameter


class LampParameters(Parameters):
    scored_lamps: int = parameter(10, ge=1, le=1000, unit="1", description="lamps shown")


class Lamp(Environment):
    """Say what the lamp shows.

    ## Description
    A lamp shows a number from 0 to 3.

    ## Observation
    shown: the number.

    ## Actions
    The number.

    ## Reward
    1 for the number, else 0.

    ## Parameters
    scored_lamps: lamps shown.

    ## Episode end
    After scored_lamps lamps. The score is the share that was said.

    ## Baselines
    random.

    ## Source
    None.
    """

    scenario = "lamp"
    lookahead = 1
    score = Score("share", "1", higher_is_better=True, low=0.0, high=1.0)
    Parameters = LampParameters
    parameters: LampParameters

    def observed_fields(self):
        return (ObservedField("shown", 1, "1", "number that the lamp shows", high=3),)

    def make_action_space(self):
        return spaces.Discrete(4)

    def describe_task(self):
        return "A lamp shows a number."

    def describe_actions(self):
        return 'Say the number, for example {"number": 3}.'

    def begin(self, task: Task):
        self.lamps = np.random.default_rng(task.seed).integers(4, size=self.parameters.scored_lamps + 1)
        self.said = 0

    def numbers(self):
        return np.array([float(self.lamps[self.played])])

    def words(self):
        return f"Lamp {self.played} shows {self.lamps[self.played]}."

    def advance(self, action):
        right = bool(action == self.lamps[self.played])
        self.said += right
        return Outcome(float(right), terminated=self.played + 1 == self.parameters.scored_lamps)

    def answer_form(self):
        return Choice("number", 4)

    def default_action(self):
        return 0

    def measure(self):
        return Measures(self.said / self.played if self.played else float("nan"))

    def bound(self):
        return 1.0
