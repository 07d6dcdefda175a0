"""The sum of the environment's own rewards, each step paid for its effect.

Where steps cost something, an agent that skips them would win. So a step with an invalid answer, and one that was
never taken because tokens or seconds ran out, counts as the worst of the episode and of the random agent's on the same
task, and never better than an invalid action (`infraray.environment.INVALID_PENALTY`). Live systems are not played by
the random agent for this; their rewards are of the order of 1.
"""

from __future__ import annotations

from infraray.environment import INVALID_PENALTY
from infraray.training.played import Played
from infraray.training.rewards.reward import Reward


class Shaped(Reward):
    """Pays every step."""

    needs_worst_step = True

    def of(self, played: Played) -> float:
        """In units of the scenario's rewards."""
        earned = [step.reward for step in played.steps if step.valid]
        worst = min([*(step.reward for step in played.steps), -INVALID_PENALTY])
        if played.worst_step < worst:
            worst = played.worst_step
        return sum(earned) + worst * (played.invalid + played.missing)
