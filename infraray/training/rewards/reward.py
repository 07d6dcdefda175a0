"""The base of all rewards, and their index.

A policy finds whatever pays. What every reward here has to withstand (``tests/training/test_exploits.py``): saying
nothing, repeating what pays, ending at once where acting scores below zero, and keeping to the form without solving.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from infraray.environment import Environment
from infraray.registry import Registry
from infraray.training.played import Played


class Reward(ABC):
    """Turns a played episode into the one number that its sequences are trained with; higher is better."""

    needs_worst_step: ClassVar[bool] = False
    """Whether it reads `Played.worst_step`, for which the random agent plays the task."""

    def problem(self, environment: Environment) -> str | None:
        """Why an environment's tasks cannot be rewarded so, in one line with the fix; None if they can."""
        return None

    @abstractmethod
    def of(self, played: Played) -> float:
        """The reward, a finite number."""

    def parts(self, played: Played) -> list[float]:
        """What each step earns of it, for step-wise credit; in an episode with steps they add up to it.

        A verdict is on the whole, and is earned when it is over: by default by the last step.
        """
        return [*([0.0] * (len(played.steps) - 1)), self.of(played)] if played.steps else []


rewards: Registry[type[Reward]] = Registry("reward")


def register_reward(name: str, reward: type[Reward] | str) -> None:
    """Makes ``reward: name`` mean a class, or ``module:Class``, which is imported at its first use.

    Raises:
        InfrarayError: the name is taken by other code (`infraray.ownership`).
    """
    rewards.register(name, reward)


def reward_of(played: Played, name: str, unsafe_penalty: float = 0.0) -> float:
    """The reward of an episode.

    Args:
        played: the episode.
        name: of the reward.
        unsafe_penalty: what each unsafe step costs, in units of the reward.

    Raises:
        UnknownName: no such reward.
    """
    return rewards[name]().of(played) - unsafe_penalty * played.unsafe


def parts_of(played: Played, name: str, unsafe_penalty: float = 0.0) -> list[float]:
    """What each step earns of `reward_of`, which has the arguments."""
    parts = rewards[name]().parts(played)
    return [part - unsafe_penalty * (step.safe is False) for part, step in zip(parts, played.steps, strict=True)]
