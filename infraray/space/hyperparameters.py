"""The dimensions of a search space: `Float`, `Int`, `Categorical` and `Ordinal`.

Each has a name, a default, and ``when``: the values of other hyperparameters that make it active.
Every dimension also maps onto the unit interval (`at` and `position`), evenly in the logarithm if it
is logarithmic; samplers, neighbours and plots work with that.
"""

from __future__ import annotations

import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from infraray.errors import InfrarayError
from infraray.space.values import Value, find_value, is_number, same, written

When = Mapping[str, tuple[Value, ...]]
"""Names of other hyperparameters, each with the values (one of them) that it must have."""

_NAME = re.compile(r"[A-Za-z_][\w.-]*")
_DIGITS = 6
_SHOWN = 12


@dataclass(frozen=True)
class Hyperparameter(ABC):
    """One dimension of a search space.

    Args:
        name: letters, digits, ``_``, ``-`` and ``.``.
        default: the value of the configuration that a study measures first.
        when: the dimension is active while each hyperparameter named here is active and has one of
            the values; always, if none is named.
    """

    kind: ClassVar[str]

    name: str
    default: Any = field(kw_only=True)
    when: When = field(default_factory=dict, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise InfrarayError(f"{self.name!r}: a hyperparameter's name has letters, digits, '_', '-' and '.'")
        conditions = {}
        for parent, values in self.when.items():
            if isinstance(values, str | bytes) or not isinstance(values, list | tuple) or not values:
                raise InfrarayError(f"{self.name}: when {parent} is {values!r}: must be a list of values")
            conditions[parent] = tuple(values)
        object.__setattr__(self, "when", conditions)
        self._check_range()
        object.__setattr__(self, "default", self.check(self.default))

    @abstractmethod
    def _check_range(self) -> None:
        """Refuses a dimension without values."""

    @abstractmethod
    def check(self, value: Any) -> Value:
        """Returns the value in its canonical form.

        Raises:
            InfrarayError: one line with the name, the value and what is allowed.
        """

    @property
    @abstractmethod
    def size(self) -> int | None:
        """The number of values; None if they are continuous."""

    @abstractmethod
    def at(self, position: float) -> Value:
        """The value at a position from 0 to 1; uniform positions give uniform values."""

    @abstractmethod
    def position(self, value: Value) -> float:
        """The position of a value, from 0 to 1."""

    @property
    def values(self) -> tuple[Value, ...]:
        """All values, in order; empty if they are continuous."""
        return tuple(self.at((number + 0.5) / self.size) for number in range(self.size)) if self.size else ()

    def to_json(self) -> dict[str, Any]:
        """Plain data that `hyperparameter_from_json` reads."""
        data: dict[str, Any] = {"type": self.kind, **vars(self)}
        data["when"] = {parent: list(values) for parent, values in self.when.items()}
        if not self.when:
            del data["when"]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in data.items()}

    def _refuse(self, value: Any, allowed: str) -> InfrarayError:
        return InfrarayError(f"{self.name}={value!r}: must be {allowed}")


@dataclass(frozen=True)
class Float(Hyperparameter):
    """A real number from ``low`` to ``high``, kept to six significant digits so that it stays legible.

    Args:
        name: see `Hyperparameter`.
        low: the least value.
        high: the greatest value.
        log: whether it is searched evenly in its logarithm; needs ``low`` above 0.
        default: see `Hyperparameter`.
        when: see `Hyperparameter`.
    """

    kind: ClassVar[str] = "float"

    low: float
    high: float
    log: bool = False

    def _check_range(self) -> None:
        _check_ends(self.name, self.low, self.high, self.log)
        object.__setattr__(self, "low", float(self.low))
        object.__setattr__(self, "high", float(self.high))

    def check(self, value: Any) -> float:
        """Returns the value as a float of six significant digits."""
        if not is_number(value) or not self.low <= value <= self.high:
            raise self._refuse(value, f"a number from {self.low:g} to {self.high:g}")
        return min(max(float(f"{value:.{_DIGITS}g}"), self.low), self.high)

    @property
    def size(self) -> None:
        """Continuous."""
        return None

    def at(self, position: float) -> float:
        """Interpolates between the ends."""
        return self.check(min(max(_between(self.low, self.high, position, self.log), self.low), self.high))

    def position(self, value: Value) -> float:
        """The inverse of `at`."""
        assert isinstance(value, int | float)
        return _share(self.low, self.high, value, self.log)


@dataclass(frozen=True)
class Int(Hyperparameter):
    """A whole number from ``low`` to ``high``.

    Args:
        name: see `Hyperparameter`.
        low: the least value.
        high: the greatest value, if the steps from ``low`` reach it.
        log: whether it is searched evenly in its logarithm; needs ``low`` from 1, and no step.
        step: distance between values.
        default: see `Hyperparameter`.
        when: see `Hyperparameter`.
    """

    kind: ClassVar[str] = "int"

    low: int
    high: int
    log: bool = False
    step: int = 1

    def _check_range(self) -> None:
        for end, value in (("low", self.low), ("high", self.high), ("step", self.step)):
            if not isinstance(value, int) or isinstance(value, bool):
                raise InfrarayError(f"{self.name}: {end}={value!r}: must be a whole number")
        _check_ends(self.name, self.low, self.high, self.log)
        if self.step < 1 or (self.log and self.step != 1):
            raise InfrarayError(f"{self.name}: step={self.step!r}: must be at least 1, and 1 where log is set")
        object.__setattr__(self, "high", self.low + (self.high - self.low) // self.step * self.step)

    def check(self, value: Any) -> int:
        """Returns the value."""
        whole = is_number(value) and value == int(value)
        if not whole or not self.low <= value <= self.high or (int(value) - self.low) % self.step:
            steps = f" in steps of {self.step}" if self.step > 1 else ""
            raise self._refuse(value, f"a whole number from {self.low} to {self.high}{steps}")
        return int(value)

    @property
    def size(self) -> int:
        """The number of steps and one."""
        return (self.high - self.low) // self.step + 1

    def at(self, position: float) -> int:
        """Every value has the same share of the interval; in a logarithmic one, of its logarithm."""
        if self.log:
            return min(max(round(_between(self.low - 0.5, self.high + 0.5, position, True)), self.low), self.high)
        return self.low + min(int(position * self.size), self.size - 1) * self.step

    def position(self, value: Value) -> float:
        """The middle of the value's share."""
        assert isinstance(value, int)
        if self.log:
            return _share(self.low - 0.5, self.high + 0.5, value, True)
        return ((value - self.low) // self.step + 0.5) / self.size

    @property
    def values(self) -> tuple[int, ...]:
        """All of them."""
        return tuple(range(self.low, self.high + 1, self.step))


@dataclass(frozen=True)
class Categorical(Hyperparameter):
    """One of several values without an order: names, switches.

    Args:
        name: see `Hyperparameter`.
        choices: text, numbers, true, false or null.
        default: see `Hyperparameter`.
        when: see `Hyperparameter`.
    """

    kind: ClassVar[str] = "categorical"

    choices: tuple[Value, ...]

    def _check_range(self) -> None:
        _check_choices(self)

    def check(self, value: Any) -> Value:
        """Returns the choice that is the same value."""
        found = find_value(value, self.choices)
        if found is None:
            shown = [written(choice) for choice in self.choices[:_SHOWN]] + ["..."] * (len(self.choices) > _SHOWN)
            raise self._refuse(value, f"one of {', '.join(shown)}")
        return self.choices[found]

    @property
    def size(self) -> int:
        """The number of choices."""
        return len(self.choices)

    def at(self, position: float) -> Value:
        """Every choice has the same share of the interval."""
        return self.choices[min(int(position * self.size), self.size - 1)]

    def position(self, value: Value) -> float:
        """The middle of the choice's share."""
        found = find_value(value, self.choices)
        assert found is not None
        return (found + 0.5) / self.size

    @property
    def values(self) -> tuple[Value, ...]:
        """The choices."""
        return self.choices


@dataclass(frozen=True)
class Ordinal(Categorical):
    """One of several ordered values, such as sizes that double or levels. Neighbours in the order are alike."""

    kind: ClassVar[str] = "ordinal"


_KINDS: dict[str, type[Hyperparameter]] = {kind.kind: kind for kind in (Float, Int, Categorical, Ordinal)}


def hyperparameter_from_json(data: Mapping[str, Any]) -> Hyperparameter:
    """Reads what `Hyperparameter.to_json` wrote.

    Raises:
        InfrarayError: the type or a field is unknown, or the dimension has no values.
    """
    fields = dict(data)
    kind = _KINDS.get(fields.pop("type", ""))
    if kind is None:
        raise InfrarayError(f"hyperparameter {json.dumps(data, default=str)}: its type must be {', '.join(_KINDS)}")
    if isinstance(fields.get("choices"), list):
        fields["choices"] = tuple(fields["choices"])
    try:
        return kind(**fields)
    except TypeError as error:
        raise InfrarayError(f"hyperparameter {fields.get('name', '')!r}: {error}") from None


def _check_ends(name: str, low: Any, high: Any, log: bool) -> None:
    if not is_number(low) or not is_number(high) or low >= high:
        raise InfrarayError(f"{name}: low={low!r}, high={high!r}: must be numbers, low below high")
    if log and low <= 0:
        raise InfrarayError(f"{name}: low={low!r}: must be above 0 where log is set")


def _check_choices(dimension: Categorical) -> None:
    choices = dimension.choices
    if isinstance(choices, str | bytes) or not isinstance(choices, list | tuple) or len(choices) < 2:
        raise InfrarayError(f"{dimension.name}: choices={choices!r}: must be a list of at least two values")
    for choice in choices:
        if choice is not None and not isinstance(choice, str | bool) and not is_number(choice):
            raise InfrarayError(f"{dimension.name}: choice {choice!r}: must be text, a number, true, false or null")
    if any(same(one, other) for number, one in enumerate(choices) for other in choices[:number]):
        raise InfrarayError(f"{dimension.name}: choices={choices!r}: each must be listed once")
    object.__setattr__(dimension, "choices", tuple(choices))


def _between(low: float, high: float, position: float, log: bool) -> float:
    if log:
        return math.exp(math.log(low) + position * (math.log(high) - math.log(low)))
    return low + position * (high - low)


def _share(low: float, high: float, value: float, log: bool) -> float:
    if log:
        return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
    return (value - low) / (high - low)
