"""A search space as data: dimensions, their conditions, and forbidden combinations.

A *canonical* configuration holds a value for every active hyperparameter, in the space's order, and
nothing else. What a study measures is always canonical, so that two configurations that launch the
same thing are the same configuration.

A space has a name and a version. The version is raised when equal configurations no longer mean the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from infraray.errors import InfrarayError, did_you_mean
from infraray.space.hyperparameters import Categorical, Float, Hyperparameter, Int, When, hyperparameter_from_json
from infraray.space.values import Configuration, Value, canonical_text, find_value, is_number, written


@dataclass(frozen=True)
class Forbidden:
    """A forbidden combination: each named hyperparameter is active and has one of the values.

    Args:
        values: by name.
        why: one line for the reader.
    """

    values: When
    why: str = ""

    def forbids(self, configuration: Configuration) -> bool:
        """Whether the configuration is such a combination."""
        return _has(configuration, self.values)

    def __str__(self) -> str:
        parts = (f"{name} is {' or '.join(map(written, values))}" for name, values in self.values.items())
        return " and ".join(parts) + (f" ({self.why})" if self.why else "")


@dataclass(frozen=True)
class ForbiddenAbove:
    """Two numbers, the first of which must not be above the second while both are active.

    Args:
        lower: name of the one that must be at most the other.
        upper: name of the other.
        why: one line for the reader.
    """

    lower: str
    upper: str
    why: str = ""

    def forbids(self, configuration: Configuration) -> bool:
        """Whether the first is above the second."""
        lower, upper = configuration.get(self.lower), configuration.get(self.upper)
        if not isinstance(lower, int | float) or not isinstance(upper, int | float):
            return False
        return lower > upper

    def __str__(self) -> str:
        return f"{self.lower} is above {self.upper}" + (f" ({self.why})" if self.why else "")


@dataclass(frozen=True)
class SearchSpace:
    """Hyperparameters and the rules for combining them.

    Args:
        name: what is tuned, such as ``vllm``.
        version: raised when equal configurations no longer mean the same.
        hyperparameters: the dimensions; one that others depend on comes before them.
        forbidden: combinations that are forbidden.

    Raises:
        InfrarayError: names are duplicated or unknown, or the defaults are forbidden.
    """

    name: str
    version: int
    hyperparameters: tuple[Hyperparameter, ...]
    forbidden: tuple[Forbidden | ForbiddenAbove, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "hyperparameters", tuple(self.hyperparameters))
        object.__setattr__(self, "forbidden", tuple(self.forbidden))
        if not self.hyperparameters:
            raise InfrarayError(f"search space {self.id}: has no hyperparameters")
        known: dict[str, Hyperparameter] = {}
        for dimension in self.hyperparameters:
            if dimension.name in known:
                raise InfrarayError(f"search space {self.id}: {dimension.name} is listed twice")
            for parent, values in dimension.when.items():
                self._check_values(f"{dimension.name}: when {parent}", parent, values, known)
            known[dimension.name] = dimension
        for rule in self.forbidden:
            if isinstance(rule, Forbidden):
                for name, values in rule.values.items():
                    self._check_values(f"forbidden {name}", name, values, known)
                continue
            for name in (rule.lower, rule.upper):
                if name not in known:
                    raise InfrarayError(f"search space {self.id}: forbidden {name}: {did_you_mean(name, known)}")
                if not isinstance(known[name], Float | Int) and not all(map(is_number, known[name].values)):
                    raise InfrarayError(f"search space {self.id}: forbidden {name}: its values must be numbers")
        broken = self.broken_rule(self.default)
        if broken is not None:
            raise InfrarayError(f"search space {self.id}: the defaults are forbidden: {broken}")

    def _check_values(self, what: str, name: str, values: Sequence[Value], known: Mapping[str, Hyperparameter]) -> None:
        if name not in known:
            raise InfrarayError(f"search space {self.id}: {what}: no such hyperparameter before it")
        for value in values:
            try:
                known[name].check(value)
            except InfrarayError as error:
                raise InfrarayError(f"search space {self.id}: {what}: {error}") from None

    @property
    def id(self) -> str:
        """The versioned name, such as ``vllm-v1``."""
        return f"{self.name}-v{self.version}"

    @cached_property
    def by_name(self) -> Mapping[str, Hyperparameter]:
        """The hyperparameters by name, in order."""
        return {dimension.name: dimension for dimension in self.hyperparameters}

    def __getitem__(self, name: str) -> Hyperparameter:
        return self.by_name[name]

    def is_active(self, name: str, configuration: Configuration) -> bool:
        """Whether a hyperparameter is active, given the values of those before it."""
        return _has(configuration, self.by_name[name].when)

    @cached_property
    def default(self) -> Configuration:
        """The configuration of all defaults."""
        configuration: dict[str, Value] = {}
        for dimension in self.hyperparameters:
            if self.is_active(dimension.name, configuration):
                configuration[dimension.name] = dimension.default
        return configuration

    def broken_rule(self, configuration: Configuration) -> Forbidden | ForbiddenAbove | None:
        """The first rule that a configuration breaks."""
        return next((rule for rule in self.forbidden if rule.forbids(configuration)), None)

    def canonical(self, configuration: Configuration) -> Configuration:
        """Checks a configuration and returns it in its canonical form, without inactive hyperparameters.

        Raises:
            InfrarayError: one line for every value that is unknown, missing, out of range or forbidden.
        """
        wrong = [
            f"{name}: no such hyperparameter; {did_you_mean(name, self.by_name)}"
            for name in configuration
            if name not in self.by_name
        ]
        checked: dict[str, Value] = {}
        for dimension in self.hyperparameters:
            if not self.is_active(dimension.name, checked):
                continue
            if dimension.name not in configuration:
                wrong.append(f"{dimension.name}: required and not given; its default is {written(dimension.default)}")
                continue
            try:
                checked[dimension.name] = dimension.check(configuration[dimension.name])
            except InfrarayError as error:
                wrong.append(str(error))
        broken = None if wrong else self.broken_rule(checked)
        if broken is not None:
            wrong.append(f"forbidden: {broken}")
        if wrong:
            raise InfrarayError("\n".join(f"{self.id}: {line}" for line in wrong))
        return checked

    def key(self, configuration: Configuration) -> str:
        """Equal for configurations that are the same: the canonical JSON of the canonical form."""
        return canonical_text(self.canonical(configuration))

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads."""
        forbidden: list[dict[str, Any]] = []
        for rule in self.forbidden:
            if isinstance(rule, Forbidden):
                values = {name: list(found) for name, found in rule.values.items()}
                forbidden.append({"values": values, "why": rule.why})
            else:
                forbidden.append({"lower": rule.lower, "upper": rule.upper, "why": rule.why})
        dimensions = [dimension.to_json() for dimension in self.hyperparameters]
        return {"name": self.name, "version": self.version, "hyperparameters": dimensions, "forbidden": forbidden}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SearchSpace:
        """Reads what `to_json` wrote.

        Raises:
            InfrarayError: it is not a search space.
        """
        try:
            dimensions = tuple(hyperparameter_from_json(dimension) for dimension in data["hyperparameters"])
            rules = tuple(_rule_from_json(rule) for rule in data.get("forbidden", ()))
            return cls(data["name"], data["version"], dimensions, rules)
        except (KeyError, TypeError, AttributeError) as error:
            raise InfrarayError(f"search space: not valid: {type(error).__name__}: {error}") from None


def _has(configuration: Configuration, when: When) -> bool:
    """Whether each named hyperparameter is active and has one of its values."""
    return all(
        name in configuration and find_value(configuration[name], values) is not None for name, values in when.items()
    )


def _rule_from_json(data: Mapping[str, Any]) -> Forbidden | ForbiddenAbove:
    if "values" in data:
        values = {name: tuple(found) for name, found in data["values"].items()}
        return Forbidden(values, data.get("why", ""))
    return ForbiddenAbove(data["lower"], data["upper"], data.get("why", ""))


def joint_space(name: str, version: int, choice: str, spaces: Mapping[str, SearchSpace]) -> SearchSpace:
    """Several spaces as one, with the choice between them as a hyperparameter.

    The hyperparameters of the space ``vllm`` are named ``vllm.block_size`` and are active while
    ``choice`` is ``vllm``; `chosen_part` takes a configuration apart again.

    Args:
        name: of the joint space.
        version: of the joint space.
        choice: name of the hyperparameter that chooses.
        spaces: by the choice; the first is the default.
    """
    dimensions: list[Hyperparameter] = [Categorical(choice, tuple(spaces), default=next(iter(spaces)))]
    rules: list[Forbidden | ForbiddenAbove] = []
    for part, space in spaces.items():
        for dimension in space.hyperparameters:
            when = {f"{part}.{parent}": values for parent, values in dimension.when.items()}
            dimensions.append(
                replace(dimension, name=f"{part}.{dimension.name}", when=when if when else {choice: (part,)})
            )
        for rule in space.forbidden:
            if isinstance(rule, Forbidden):
                values = {f"{part}.{name}": found for name, found in rule.values.items()}
                rules.append(Forbidden(values, rule.why))
            else:
                rules.append(ForbiddenAbove(f"{part}.{rule.lower}", f"{part}.{rule.upper}", rule.why))
    return SearchSpace(name, version, tuple(dimensions), tuple(rules))


def chosen_part(choice: str, configuration: Configuration) -> tuple[str, Configuration]:
    """The choice in a configuration of a `joint_space`, and the chosen space's configuration."""
    part = str(configuration[choice])
    prefix = f"{part}."
    return part, {name.removeprefix(prefix): value for name, value in configuration.items() if name != choice}
