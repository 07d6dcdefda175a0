"""Tests that the bound holds at the limits of the parameters, not only at their usual values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, get_args

from pydantic.fields import FieldInfo

import infraray
from infraray.agents import load_agent, registered_agents
from infraray.conditions import Is, IsNot
from infraray.environment import Score
from infraray.errors import InfrarayError
from infraray.parameters import conditions
from infraray.testing.case import SHORT, ScenarioCase
from infraray.testing.playing import play_agent

TOLERANCE = 1e-9
"""Relative; the bound and the score may be summed in different orders."""

TINY = 1e-6
"""Share of its default by which a parameter keeps away from an exclusive limit."""


class BoundConformance(ScenarioCase):
    """Every agent against the bound, one task for each of many parameters."""

    settings: ClassVar[Sequence[Mapping[str, Any]] | None] = None
    """Parameters to check the bound with. None means both limits and all options of each parameter, one at a time, if
    episodes are simulated without a preset, and no parameters otherwise."""

    def test_no_agent_beats_the_bound_wherever_parameters_may_lie(self) -> None:
        """The bound lies in the score's range and is at least as good as every score and the floor."""
        problems = [problem for setting in self.all_settings() for problem in self._problems(setting)]
        assert problems == []

    @classmethod
    def all_settings(cls) -> list[Mapping[str, Any]]:
        """The declared settings, or the derived ones."""
        environment_class = cls.registration().environment_class()
        if cls.settings is not None:
            return list(cls.settings)
        if cls.preset is not None or environment_class.measured or environment_class.blocking:
            return []
        fields = environment_class.Parameters.model_fields
        return [{}] + [
            {**_mode(field), name: value}
            for name, field in fields.items()
            if name not in cls.parameters and not name.startswith(tuple(SHORT))
            for value in _ends(field)
        ]

    @classmethod
    def _problems(cls, setting: Mapping[str, Any]) -> Iterator[str]:
        try:
            environment = infraray.make(cls.scenario, **{**cls.small_arguments(), **setting})
        except InfrarayError:  # needs a file, or contradicts the other values
            return
        low, high = environment.score.range
        slack = TOLERANCE * (1 + (abs(high) if math.isfinite(high) else 0))
        bounds: dict[int, float] = {}
        for name in registered_agents(cls.registration().name):
            play_agent(environment, load_agent(f"scripted:{name}", cls.scenario), cls.seeds[0])
            score, progress = environment.verdict().score, environment.progress()
            if progress not in bounds:
                bounds[progress] = environment.bound()
            bound = bounds[progress]
            worst = [score] if environment.floor() is None else [score, environment.floor()]
            if not (math.isfinite(bound) and low - slack <= bound <= high + slack):
                yield f"{dict(setting)}: the bound {bound} is not a number from {low} to {high}"
            elif not all(at_most(environment.score, worse, bound) for worse in worst if worse is not None):
                yield f"{dict(setting)}: scripted:{name} has {score}, better than the bound {bound}"


def at_most(score: Score, worse: float, better: float) -> bool:
    """Whether ``better`` is at least as good as ``worse``; a missing score is the worst."""
    slack = TOLERANCE * max(1.0, abs(better))
    if math.isnan(worse):
        return True
    return worse <= better + slack if score.higher_is_better else worse >= better - slack


def _mode(field: FieldInfo) -> dict[str, Any]:
    """The values of other parameters that give a parameter an effect, if it has conditions."""
    return {
        condition.names[0]: condition.values[0]
        for condition in conditions(field)
        if isinstance(condition, Is) and not isinstance(condition, IsNot) and condition.values != (None,)
    }


def _ends(field: FieldInfo) -> list[Any]:
    """Options, or the lowest and the highest value."""
    options = get_args(field.annotation)
    if options and isinstance(options[0], str):
        return [option for option in options if option != field.default]
    if isinstance(field.default, bool) or not isinstance(field.default, int | float):
        return []
    step = 1 if isinstance(field.default, int) else TINY * abs(field.default or 1.0)
    inward = {"ge": 0, "gt": step, "le": 0, "lt": -step}
    return [getattr(limit, end) + by for limit in field.metadata for end, by in inward.items() if hasattr(limit, end)]
