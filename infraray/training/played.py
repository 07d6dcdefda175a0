"""A played episode as its reward sees it: steps, verdict, and how far it came."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from infraray.environment import Measures
from infraray.statistics.normalized import normalized

Ending = Literal["task", "steps", "tokens", "time"]
"""What ended an episode: the task itself, or the limit on steps, on tokens or on seconds."""


class PlayedStep(NamedTuple):
    """One step of the environment.

    Args:
        reward: the environment's.
        valid: whether the answer was a valid action.
        safe: whether the step was safe; None where the scenario does not define it.
    """

    reward: float
    valid: bool
    safe: bool | None = None


@dataclass(frozen=True)
class Played:
    """What a policy did with one task.

    Args:
        steps: the steps, oldest first.
        max_steps: the most that it could have taken.
        carried_out: actions that the world has carried out, defaults in place of invalid ones included.
        ending: what ended it.
        measures: the scenario's verdict on what was played.
        floor: the random agent's score, as far as the task was played; NaN if unknown.
        bound: the best score known or provable, likewise.
        higher_is_better: the direction of the scenario's score.
        worst_step: the lowest reward of the random agent's steps; NaN if unknown.
    """

    steps: Sequence[PlayedStep]
    max_steps: int
    carried_out: int
    ending: Ending
    measures: Measures
    floor: float
    bound: float
    higher_is_better: bool = True
    worst_step: float = math.nan

    @property
    def normalized_score(self) -> float:
        """0 at the floor, 1 at the bound (`infraray.statistics.normalized`)."""
        return normalized(self.measures.score, self.floor, self.bound, self.higher_is_better)

    @property
    def share(self) -> float:
        """The part of its steps in which the world went on: 1 if the task itself ended."""
        return 1.0 if self.ending == "task" else min(1.0, self.carried_out / self.max_steps)

    @property
    def missing(self) -> int:
        """Steps that a limit on tokens or seconds kept it from taking."""
        return 0 if self.ending in ("task", "steps") else max(0, self.max_steps - len(self.steps))

    @property
    def invalid(self) -> int:
        """Answers that were no valid action."""
        return sum(not step.valid for step in self.steps)

    @property
    def unsafe(self) -> int:
        """Steps that were not safe."""
        return sum(step.safe is False for step in self.steps)
