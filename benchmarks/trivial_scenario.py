"""A scenario of one step, so that everything else is what is measured."""

import math
import time

import numpy as np
from gymnasium import spaces

import infraray


class Trivial(infraray.Environment):
    """One step, one number."""

    scenario = "trivial"
    score = infraray.Score("right", "1", higher_is_better=True)

    def observed_fields(self):
        """Nothing of use."""
        return (infraray.ObservedField("zero", 1, "1", "always 0"),)

    def make_action_space(self):
        """Two actions."""
        return spaces.Discrete(2)

    def describe_task(self):
        """The aim."""
        return "Guess."

    def describe_actions(self):
        """The actions."""
        return "0 or 1"

    def begin(self, task):
        """The right answer."""
        self.answer, self.right = task.seed % 2, math.nan

    def numbers(self):
        """Zero."""
        return np.zeros(1)

    def words(self):
        """Nothing."""
        return "Guess."

    def advance(self, action):
        """Right or wrong."""
        self.right = float(action == self.answer)
        return infraray.Outcome(self.right, terminated=True)

    def parse_action(self, text):
        """A digit."""
        return int(text)

    def default_action(self):
        """0."""
        return 0

    def measure(self):
        """Whether it was right."""
        return infraray.Measures(self.right)

    def bound(self):
        """Right."""
        return 1.0


infraray.register("benchmarks/Trivial-v0", name="trivial", entry_point=Trivial)


@infraray.register_agent("busy", scenario="trivial")
class Busy(infraray.ScriptedAgent):
    """Computes for 10 ms of processor time."""

    def act(self, observation):
        """Counts processor time, so that a busy machine makes it longer, as real work would be."""
        began = time.process_time()
        while time.process_time() - began < 0.01:
            pass
        return 0
