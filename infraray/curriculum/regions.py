"""Regions of a scenario's tasks: conditions on what tasks tell about themselves, all of which must hold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from infraray.space.values import Value, find_value

Features = Mapping[str, Value]
"""What a task tells about itself: its knobs, and the traits that its seed has drawn."""


class Condition(ABC):
    """A condition on one feature; a task that lacks the feature does not meet it."""

    feature: str

    @abstractmethod
    def holds(self, features: Features) -> bool:
        """Whether a task is such."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Plain data that `condition_from_json` reads."""


@dataclass(frozen=True)
class Between(Condition):
    """A number within limits, both included; None for no limit."""

    feature: str
    low: float | None = None
    high: float | None = None

    def holds(self, features: Features) -> bool:
        """Whether the number is within them."""
        value = features.get(self.feature)
        if not isinstance(value, int | float):
            return False
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def to_json(self) -> dict[str, Any]:
        """The limits."""
        return {"feature": self.feature, "low": self.low, "high": self.high}

    def __str__(self) -> str:
        if self.low == self.high:
            return f"{self.feature} = {said(self.low)}"
        if self.low is None:
            return f"{self.feature} <= {said(self.high)}"
        if self.high is None:
            return f"{self.feature} >= {said(self.low)}"
        return f"{said(self.low)} <= {self.feature} <= {said(self.high)}"


@dataclass(frozen=True)
class Among(Condition):
    """One of several values."""

    feature: str
    values: tuple[Value, ...]

    def holds(self, features: Features) -> bool:
        """Whether the value is one of them."""
        return self.feature in features and find_value(features[self.feature], self.values) is not None

    def to_json(self) -> dict[str, Any]:
        """The values."""
        return {"feature": self.feature, "values": list(self.values)}

    def __str__(self) -> str:
        if self.values in ((True,), (False,)):
            return self.feature if self.values[0] else f"not {self.feature}"
        return f"{self.feature} = {' or '.join(map(said, self.values))}"


def condition_from_json(data: Mapping[str, Any]) -> Condition:
    """Reads what `Condition.to_json` wrote."""
    if "values" in data:
        return Among(data["feature"], tuple(data["values"]))
    return Between(data["feature"], data["low"], data["high"])


@dataclass(frozen=True)
class Region:
    """The tasks that meet every condition; without any, all tasks."""

    conditions: tuple[Condition, ...] = ()

    def holds(self, features: Features) -> bool:
        """Whether a task belongs to it."""
        return all(condition.holds(features) for condition in self.conditions)

    def on(self, feature: str) -> tuple[Condition, ...]:
        """The conditions on one feature."""
        return tuple(condition for condition in self.conditions if condition.feature == feature)

    def to_json(self) -> list[dict[str, Any]]:
        """Plain data that `from_json` reads."""
        return [condition.to_json() for condition in self.conditions]

    @classmethod
    def from_json(cls, data: Iterable[Mapping[str, Any]]) -> Region:
        """Reads what `to_json` wrote."""
        return cls(tuple(condition_from_json(one) for one in data))

    def __str__(self) -> str:
        return " and ".join(map(str, self.conditions)) or "all tasks"


def said(value: Value) -> str:
    """A value as people write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
