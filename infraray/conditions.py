"""Conditions on other parameters' values under which a parameter has an effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, init=False)
class Is:
    """One of the parameters in ``names`` has one of the values: ``Is("arrivals", "bursty")``."""

    names: tuple[str, ...]
    values: tuple[Any, ...]

    def __init__(self, names: str | tuple[str, ...], *values: Any) -> None:
        object.__setattr__(self, "names", (names,) if isinstance(names, str) else names)
        object.__setattr__(self, "values", values)

    def __str__(self) -> str:
        return f"{' or '.join(self.names)} is {' or '.join(map(_said, self.values))}"

    def holds(self, parameters: Any) -> bool:
        """Whether the values of ``parameters``, a model, are such."""
        return any(getattr(parameters, name) in self.values for name in self.names)

    def broken(self, parameters: Any) -> str:
        """Why a parameter with this condition has no effect with ``parameters``, and what to do."""
        if self.values == (None,):
            return f"{self.names[0]} is given; leave one of them out"
        fix = f"leave it out, or set {' or '.join(self.names)}: {' or '.join(map(str, self.values))}"
        if len(self.names) > 1:
            return f"neither {' nor '.join(self.names)} is {' or '.join(map(_said, self.values))}; {fix}"
        return f"{self.names[0]} is {_said(getattr(parameters, self.names[0]))}; {fix}"


@dataclass(frozen=True, init=False)
class IsNot(Is):
    """A parameter has none of the values: ``IsNot("drift_interval", 0)``."""

    def __str__(self) -> str:
        return f"{self.names[0]} is not {' or '.join(map(_said, self.values))}"

    def holds(self, parameters: Any) -> bool:
        """Whether the values of ``parameters``, a model, are such."""
        return not super().holds(parameters)

    def broken(self, parameters: Any) -> str:
        """Why a parameter with this condition has no effect with ``parameters``, and what to do."""
        return f"{self.names[0]} is {_said(getattr(parameters, self.names[0]))}; leave it out"


def _said(value: Any) -> str:
    return "not given" if value is None else repr(value)
