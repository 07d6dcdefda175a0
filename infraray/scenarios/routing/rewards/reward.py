"""What a reward is, and the index of all."""

from __future__ import annotations

from typing import Protocol

from infraray.registry import Registry
from infraray.scenarios.routing.conduct import Conduct, Deed


class Reward(Protocol):
    """What a command is worth."""

    def __call__(self, deed: Deed, conduct: Conduct, broken_before: int, nearer: bool) -> float:
        """The reward of one command.

        Args:
            deed: what it did.
            conduct: of the episode, this command included.
            broken_before: pairs that did not reach before it.
            nearer: whether the network has never been so near to a whole one, see `conduct.Progress`.
        """


rewards: Registry[Reward] = Registry("reward of routing")


def register_reward(name: str, reward: Reward | str) -> None:
    """Makes the parameter ``reward: name`` mean a function, or ``module:function``, which is imported at its first use.

    Raises:
        InfrarayError: the name is taken by other code (`infraray.ownership`).
    """
    rewards.register(name, reward)
