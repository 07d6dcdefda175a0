"""The values of configurations: plain JSON scalars, compared strictly where Python is lenient."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

Value = str | int | float | bool | None
"""A value of a hyperparameter."""

Configuration = Mapping[str, Value]
"""A value for every active hyperparameter, by name."""


def same(one: Value, other: Value) -> bool:
    """Whether two values are the same: ``1`` and ``1.0`` are, ``1`` and ``True`` are not."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def find_value(value: Value, values: Iterable[Value]) -> int | None:
    """The position of a value among others; None if it is not one of them."""
    return next((position for position, known in enumerate(values) if same(value, known)), None)


def is_number(value: object) -> bool:
    """Whether a value is a finite number, which ``True`` is not."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -float("inf") < value < float("inf")


def written(value: Value) -> str:
    """A value in JSON: ``true``, ``"fp8"``, ``0.5``, ``null``."""
    return json.dumps(value)


def canonical_text(configuration: Configuration) -> str:
    """Equal for equal configurations: canonical JSON, keys sorted, no blanks."""
    return json.dumps(dict(configuration), sort_keys=True, separators=(",", ":"))
