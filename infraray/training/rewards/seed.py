"""NetArena's reward for repairs (section 5.1): -100 for an invalid command, 10 for a look, 100 for a fix.

The environment pays what a command does, for coming nearer than ever before and for five looks at most (``paper.py``
among the rewards of ``routing`` and of ``kubernetes_policy``). An answer that is no command is an invalid one here, and
so is one that tokens or seconds kept from being given: silence would otherwise be the safest choice.
"""

from __future__ import annotations

from infraray.environment import Environment
from infraray.training.played import Played
from infraray.training.rewards.reward import Reward

INVALID_COMMAND = -100.0
SCENARIOS = ("routing", "kubernetes_policy")


class Seed(Reward):
    """Pays by the kind of command."""

    def problem(self, environment: Environment) -> str | None:
        """It is defined for repairs with the paper's rewards."""
        scenario = environment.scenario
        if scenario not in SCENARIOS:
            return f"reward='seed': is defined for {' and '.join(SCENARIOS)}, not for {scenario}; take normalized"
        if getattr(environment.parameters, "reward", None) != "paper":
            return f"reward='seed': needs the environment to pay so; add reward: paper to {scenario}'s parameters"
        return None

    def of(self, played: Played) -> float:
        """The sum over all commands."""
        earned = sum(step.reward for step in played.steps if step.valid)
        return earned + INVALID_COMMAND * (played.invalid + played.missing)

    def parts(self, played: Played) -> list[float]:
        """Each command's; the last one pays for those that were never given."""
        parts = [step.reward if step.valid else INVALID_COMMAND for step in played.steps]
        return [*parts[:-1], parts[-1] + INVALID_COMMAND * played.missing] if parts else []
