"""The type of rewards, and the index of all of them."""

from __future__ import annotations

from typing import Protocol

from infraray.registry import Registry
from infraray.scenarios.routing.conduct import Conduct, Deed


class Reward(Protocol):
    """A function that rewards a command."""

    def __call__(self, deed: Deed, conduct: Conduct, broken_before: int, nearer: bool) -> float:
        """The reward of one command.

        Args:
            deed: its effect.
            conduct: the episode so far, including this command.
            broken_before: pairs that were disconnected before it.
            nearer: whether the network is closer to the intact one than ever before, see `repair.conduct.Progress`.
        """


rewards: Registry[Reward] = Registry("reward of routing")


def register_reward(name: str, reward: Reward | str) -> None:
    """Makes the parameter ``reward: name`` mean a function, or ``module:function``, which is imported at its first use.

    Raises:
        InfrarayError: the name is taken by other code (`infraray.ownership`).
    """
    rewards.register(name, reward)
