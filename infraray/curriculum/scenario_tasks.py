"""A registered scenario's tasks as a `TaskSpace`: its knobs are its level and parameters, its traits what it tells."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from infraray.curriculum.knobs import read_knob
from infraray.curriculum.regions import Features
from infraray.curriculum.tasks import TaskSpace
from infraray.errors import InfrarayError, did_you_mean, explain_validation
from infraray.parameters import Parameters, conditions
from infraray.registration import Registration
from infraray.space.hyperparameters import Hyperparameter
from infraray.space.values import Configuration, Value
from infraray.user_code import guarded

LEVEL = "level"

FEW = 100
"""Values of a knob that are checked one by one; of more, the ends are."""


class ScenarioTasks:
    """The tasks of a scenario.

    Args:
        registration: the scenario's.
        preset: of its parameters.
        parameters: those that are fixed.
        level: the difficulty if that is fixed; None for all levels.
        knobs: what may be set, as written, by name.

    Raises:
        InfrarayError: a knob is not a parameter or has no values, or there is nothing to vary.
    """

    def __init__(
        self,
        registration: Registration,
        preset: str | None,
        parameters: Mapping[str, Any],
        level: int | None,
        knobs: Mapping[str, str | Sequence[Value]],
    ) -> None:
        self.registration = registration
        self.environment_class = registration.environment_class()
        self.preset = preset
        self.parameters = dict(parameters)
        self.level = level if level is not None else self.environment_class.levels[0]
        levels = self.environment_class.levels
        if level is None and len(levels) > 1:
            knobs = {LEVEL: levels, **knobs}
        elif level is not None and LEVEL in knobs:
            raise InfrarayError(f"level={level}: is a knob, too; leave one of them out")
        # In one order, so that equal probes draw equal tasks however they are written.
        found = [self._knob(name, knobs[name]) for name in sorted(knobs)]
        self.space = TaskSpace(tuple(found), self._suited, self._traits)
        self._traits_of = lru_cache(maxsize=65_536)(self._told)
        if not found and registration.traits is None:
            raise InfrarayError(
                f"nothing to vary: {registration.name} has one level, and its seeds have no traits; "
                "give a parameter a range, such as NAME: 1:10"
            )

    def split(self, setting: Configuration) -> tuple[int, dict[str, Any]]:
        """The level and the scenario's parameters for a setting; those of the preset are not among them."""
        changed = {name: value for name, value in setting.items() if name != LEVEL}
        return int(setting.get(LEVEL, self.level) or 0), {**self.parameters, **changed}

    def _knob(self, name: str, written: str | Sequence[Value]) -> Hyperparameter:
        levels, fields = self.environment_class.levels, self.environment_class.Parameters.model_fields
        if name == LEVEL:
            knob = read_knob(name, written, is_whole=True)
            if not set(knob.values) <= set(levels):
                raise InfrarayError(f"level={written!r}: must be of {', '.join(map(str, levels))}")
            return knob
        if name not in fields:
            raise InfrarayError(f"{name}: is no parameter of {self.registration.name}; {did_you_mean(name, fields)}")
        if name in self.parameters:
            raise InfrarayError(f"{name}: has a fixed value among 'parameters', too; leave one of them out")
        knob = read_knob(name, written, is_whole=fields[name].annotation is int)
        for value in (knob.at(0.0), knob.at(1.0)) if knob.size is None or knob.size > FEW else knob.values:
            self._check(name, value)
        return knob

    def _check(self, name: str, value: Value) -> None:
        """Refuses a value that the parameter never takes; what others it goes with shows when it is drawn."""
        kind = self.environment_class.Parameters
        try:
            kind.model_validate({**self.parameters, name: value})
        except ValidationError as error:
            lines = [line for place, line in explain_validation(error, kind) if place[:1] == (name,)]
            if lines:
                raise InfrarayError(f"{self.registration.name}: {lines[0]}") from None

    def _suited(self, setting: Configuration) -> Configuration:
        """The knobs that have an effect, given the others."""
        _, values = self.split(setting)
        kind, owner = self.environment_class.Parameters, self.registration.name
        preset = self.environment_class.presets.get(self.preset, {}) if self.preset is not None else {}
        try:
            found = kind.model_validate({**preset, **values})
        except ValidationError:
            kind.parse(owner, values, preset)
            raise
        fields = kind.model_fields
        suited = {
            name: value
            for name, value in setting.items()
            if name == LEVEL or all(condition.holds(found) for condition in conditions(fields[name]))
        }
        kind.parse(owner, self.split(suited)[1], preset)
        return suited

    def _traits(self, setting: Configuration, seed: int) -> Features:
        return self._traits_of(json.dumps(dict(setting)), seed)

    def _told(self, setting: str, seed: int) -> Features:
        """What the scenario tells; asked again and again for the same task."""
        with guarded(f"scenario {self.registration.name}"):
            level, parameters = self.parsed(json.loads(setting))
            return dict(self.registration.traits_of(parameters, level, seed))

    def parsed(self, setting: Configuration) -> tuple[int, Parameters]:
        """The level and all parameters for a setting."""
        level, values = self.split(setting)
        preset = self.environment_class.presets.get(self.preset, {}) if self.preset is not None else {}
        return level, self.environment_class.Parameters.parse(self.registration.name, values, preset)
