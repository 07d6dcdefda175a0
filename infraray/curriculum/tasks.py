"""The tasks of a scenario from which a probe draws: values of its knobs, and seeds with the traits that they draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

from infraray.curriculum.regions import Features, Region
from infraray.errors import InfrarayError
from infraray.space.hyperparameters import Hyperparameter
from infraray.space.values import Configuration

SEEDS = range(2**30, 2**31)
"""Where seeds are drawn from: out of the way of those that people choose."""

MOST_DRAWS = 5000
"""Draws for one task of a region; a region that is missed so often has hardly any."""

MOST_REFUSALS = 200
"""Settings in a row that the scenario may refuse."""


@dataclass(frozen=True)
class DrawnTask:
    """A task to be played.

    Args:
        setting: values of the knobs that have an effect, by name.
        seed: the task's.
        traits: what the seed has drawn, by name.
    """

    setting: Configuration
    seed: int
    traits: Features

    @cached_property
    def features(self) -> Features:
        """All that it tells about itself."""
        return {**self.setting, **self.traits}

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads."""
        return {"setting": dict(self.setting), "seed": self.seed, "traits": dict(self.traits)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> DrawnTask:
        """Reads what `to_json` wrote."""
        return cls(data["setting"], data["seed"], data["traits"])


@dataclass(frozen=True)
class TaskSpace:
    """All tasks that a probe may draw. Each knob is drawn uniformly, and every seed is equally likely.

    Args:
        knobs: what may be set.
        suited: the part of a setting that has an effect; raises `InfrarayError` for a setting that contradicts itself.
        traits: what a seed draws with a setting.
    """

    knobs: tuple[Hyperparameter, ...]
    suited: Callable[[Configuration], Configuration]
    traits: Callable[[Configuration, int], Features]

    def draw(self, random: Random, region: Region | None = None, seeds: Sequence[int] = SEEDS) -> DrawnTask | None:
        """Draws a task, uniformly among those of a region; None if the region has hardly any.

        Args:
            random: the source of randomness.
            region: where; everywhere by default.
            seeds: those to draw from.

        Raises:
            InfrarayError: the scenario refuses every setting.
        """
        region = region or Region()
        for _ in range(MOST_DRAWS):
            setting = self.setting(random, lambda knob: self._position(knob, random, region))
            task = self.task(setting, random.choice(seeds))
            if region.holds(task.features):
                return task
        return None

    def task(self, setting: Configuration, seed: int) -> DrawnTask:
        """The task of a seed."""
        return DrawnTask(setting, seed, self.traits(setting, seed))

    def setting(self, random: Random, position: Callable[[Hyperparameter], float]) -> Configuration:
        """Draws a setting that the scenario accepts.

        Args:
            random: for draws after refused ones.
            position: draws the place of a knob's value, from 0 to 1.

        Raises:
            InfrarayError: the scenario refuses one setting after the other.
        """
        for attempt in range(MOST_REFUSALS):
            # The wish of a sampler may be what is refused.
            place = position if attempt < MOST_REFUSALS // 2 else lambda knob: random.random()
            try:
                return self.suited({knob.name: knob.at(place(knob)) for knob in self.knobs})
            except InfrarayError as error:
                refused = error
        raise InfrarayError(f"{MOST_REFUSALS} settings of the knobs in a row are refused, the last one: {refused}")

    def _position(self, knob: Hyperparameter, random: Random, region: Region) -> float:
        """A random place of a knob whose value meets the region's conditions."""
        conditions = region.on(knob.name)
        place = random.random()
        for _ in range(MOST_DRAWS if conditions else 0):
            if all(condition.holds({knob.name: knob.at(place)}) for condition in conditions):
                break
            place = random.random()
        return place
