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
        return sum(earned) + self._worst(played) * (played.invalid + played.missing)

    def parts(self, played: Played) -> list[float]:
        """Each step's effect; the last one pays for those that were never taken."""
        worst = self._worst(played)
        parts = [step.reward if step.valid else worst for step in played.steps]
        return [*parts[:-1], parts[-1] + worst * played.missing] if parts else []

    def _worst(self, played: Played) -> float:
        worst = min([*(step.reward for step in played.steps), -INVALID_PENALTY])
        return played.worst_step if played.worst_step < worst else worst
