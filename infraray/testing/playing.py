"""Plays episodes in tests and compares them as plain data."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy as np

from infraray.agents import Agent, Briefing
from infraray.environment import Environment
from infraray.observation import Observation
from infraray.step_info import StepInfo

AGENT_SEEDS = 2**40
"""Offset of an agent's seed from its task's: with the same seed it would draw the task's random numbers."""

Steps = list[Any]
"""What `reset` and every `step` returned, as plain data that ``==`` compares."""


def play(environment: Environment, act: Callable[[Observation], Any], seed: int) -> Steps:
    """Plays one episode to its end."""
    observation, info = environment.reset(seed=seed)
    return [plain((observation, info)), *play_on(environment, act, observation)]


def play_on(environment: Environment, act: Callable[[Observation], Any], observation: Observation) -> Steps:
    """Plays the rest of an episode whose latest observation is ``observation``."""
    steps: Steps = []
    over = False
    while not over:
        observation, reward, terminated, truncated, info = environment.step(act(observation))
        steps.append(plain((observation, reward, terminated, truncated, info)))
        over = terminated or truncated
    return steps


def play_agent(environment: Environment, agent: Agent, seed: int) -> Steps:
    """Plays one episode with an agent, whose random numbers are derived from the seed but differ from the task's."""
    observation, info = environment.reset(seed=seed)
    agent.reset(Briefing.of(environment, seed + AGENT_SEEDS))
    return [plain((observation, info)), *play_on(environment, agent.act, observation)]


class Draws:
    """Actions drawn uniformly from the action space, the same for the same seed."""

    def __init__(self, environment: Environment, seed: int) -> None:
        self.environment = environment
        self.seed = seed
        self.space: gymnasium.Space[Any] | None = None

    def __call__(self, observation: Observation | None = None) -> Any:
        """The next action, regardless of the observation."""
        if self.space is None:  # not before the reset: a space may draw actions that suit the task
            self.space = copy.deepcopy(self.environment.action_space)
            self.space.seed(self.seed)
        return self.space.sample()


def plain(value: Any) -> Any:
    """Arrays as lists, NumPy scalars as numbers, NaN as a string, so that equal things compare equal."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, StepInfo):
        value = {**value, "action": value["action"]}
    if isinstance(value, Mapping):
        return {str(name): plain(entry) for name, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, float) and math.isnan(value):
        return "nan"
    return value
