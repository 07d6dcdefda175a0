"""Credit for single steps: group-in-group policy optimization, GiGPO (Feng et al. 2025, arXiv:2505.10978).

GRPO compares whole episodes, and gives all tokens of one the same advantage. Rollouts of one task often come through
the same state, though, where one goes on better than the other. GiGPO compares there again: the steps of a group that
start from equal states are a group of their own, in which each step is worth the discounted rewards from it on. Its
distance from their mean, over their standard deviation, is added to the episode's advantage. Nothing more is played for
that, and no critic is needed.

A state is told by the numbers that describe it, or by its text where a scenario has none. So a step from a state that
nobody else came through adds nothing, and where no state is shared, what remains is GRPO.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np

from infraray.observation import Observation

EPSILON = 1e-6
"""Added to a standard deviation, as verl does for episodes."""


@dataclass(frozen=True)
class EpisodeSteps:
    """The steps of an episode, as their credit sees them. Both lists are equally long.

    Args:
        states: the state from which each began, see `state_of`.
        rewards: what each earned (`infraray.training.rewards.parts_of`).
    """

    states: Sequence[str]
    rewards: Sequence[float]

    @classmethod
    def read(cls, stored: Mapping[str, Any] | None) -> EpisodeSteps:
        """From plain data; without steps if there is none."""
        return cls(stored["states"], stored["rewards"]) if stored is not None else cls((), ())


def state_of(observation: Observation) -> str:
    """What tells a task's states apart: a hash of the numbers, or of the text, before an action."""
    numbers = observation.get("numeric_observation")
    said = str(observation["text_observation"]).encode() if numbers is None else np.asarray(numbers, "<f8").tobytes()
    return blake2b(said, digest_size=8).hexdigest()


def step_advantages(group: Sequence[EpisodeSteps], discount: float, by_deviation: bool = True) -> list[list[float]]:
    """The advantage of each step over the others of its group that began in the same state.

    Args:
        group: episodes of one task.
        discount: of the rewards of each further step, at most 1.
        by_deviation: divide by the standard deviation (of a sample), as GRPO does with whole episodes.

    Returns:
        For each episode, one number a step; 0 where no other step began in its state.
    """
    values = [returns_from(episode.rewards, discount) for episode in group]
    places: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for number, episode in enumerate(group):
        for step, state in enumerate(episode.states):
            places[state].append((number, step))
    found = [[0.0] * len(episode.states) for episode in group]
    for alike in places.values():
        if len(alike) == 1:
            continue
        gained = np.array([values[number][step] for number, step in alike])
        gained -= gained.mean()
        if by_deviation:
            gained /= gained.std(ddof=1) + EPSILON
        for (number, step), advantage in zip(alike, gained.tolist(), strict=True):
            found[number][step] = advantage
    return found


def shared_share(group: Sequence[EpisodeSteps]) -> tuple[int, int]:
    """The steps of a group that began in a state where another one began, too; and all of its steps."""
    states = [state for episode in group for state in episode.states]
    _, counts = np.unique(np.array(states, dtype="U16"), return_counts=True)
    return int(counts[counts > 1].sum()), len(states)


def returns_from(rewards: Sequence[float], discount: float) -> list[float]:
    """The discounted rewards from each step on, its own included."""
    values = []
    value = 0.0
    for reward in reversed(rewards):
        value = reward + discount * value
        values.append(value)
    return values[::-1]
