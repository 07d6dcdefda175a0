"""The record of an episode: its steps and its verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from infraray.environment import Measures
from infraray.episodes.identity import EpisodeSpec
from infraray.observation import Observation
from infraray.registration import find
from infraray.statistics.normalized import normalized


class Step(NamedTuple):
    """One observation, the action taken on it, and the outcome.

    ``action`` is text: what the agent said or, if it gave a native action, that action in the scenario's words
    (`Environment.say_action`). An invalid native action is recorded as the agent gave it.
    """

    observation: Observation
    action: Any
    reward: float
    terminated: bool
    truncated: bool
    info: Mapping[str, Any]
    latency_s: float
    input_tokens: int | None = None
    output_tokens: int | None = None
    agent_extra: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Trajectory:
    """A played episode; ``failure`` with ``measures=None`` means that it broke off.

    ``rollout`` is what a trainer learns from (`infraray.training.record`), None unless a policy under training played;
    ``extra`` are facts that have no column of their own.
    """

    spec: EpisodeSpec
    steps: list[Step]
    measures: Measures | None
    floor: float
    bound: float
    higher_is_better: bool
    attempts: int
    started_at: datetime
    wall_s: float
    failure: str | None
    rollout: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def normalized_score(self) -> float:
        """0 at the floor, 1 at the bound (`infraray.statistics.normalized`); NaN if it broke off."""
        if self.measures is None:
            return math.nan
        return normalized(self.measures.score, self.floor, self.bound, self.higher_is_better)


def failed_trajectory(
    spec: EpisodeSpec, failure: str, attempts: int, started_at: datetime, wall_s: float, steps: list[Step]
) -> Trajectory:
    """The record of an episode that was given up."""
    better = find(spec.entry.scenario).environment_class().score.higher_is_better
    return Trajectory(spec, steps, None, math.nan, math.nan, better, attempts, started_at, wall_s, failure)
