"""What an agent sees: text for language models, one flat vector of named numbers for the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

NEVER = 1e-12
"""Probability of a draw beyond the stated bounds, where a distribution is unbounded."""


@dataclass(frozen=True)
class ObservedField:
    """A named, contiguous part of the numeric observation.

    Args:
        name: the field's name, as an agent accesses it: ``observation.queue_lengths``.
        size: number of values it holds.
        unit: the unit of its values, "1" for counts and ratios.
        description: one sentence, for the manual and for readers of the data.
        low: the smallest possible value.
        high: the largest possible value (finite, so that learners can scale by it).
    """

    name: str
    size: int
    unit: str
    description: str
    low: float = 0.0
    high: float = 1e12


class ObservationLayout:
    """The position of each field in the numeric observation."""

    def __init__(self, fields: Sequence[ObservedField]) -> None:
        self.fields = tuple(fields)
        self.slices: dict[str, slice] = {}
        start = 0
        for field in self.fields:
            self.slices[field.name] = slice(start, start + field.size)
            start += field.size
        self.size = start

    def space(self) -> Box:
        """The Gymnasium space of the whole vector, float64 of shape ``(size,)``."""
        low = np.concatenate([np.full(field.size, field.low) for field in self.fields])
        high = np.concatenate([np.full(field.size, field.high) for field in self.fields])
        return Box(low, high, dtype=np.float64)

    def describe(self) -> list[dict[str, Any]]:
        """The layout as plain data, stored beside the trajectories."""
        return [{"name": f.name, "size": f.size, "unit": f.unit, "description": f.description} for f in self.fields]


class Observation(dict[str, Any]):
    """An observation: a plain dict for Gymnasium, with the numeric fields as attributes.

    ``observation["text_observation"]`` is the text, ``observation["numeric_observation"]`` the
    vector, ``observation.queue_lengths`` the part of the vector with that name (an array of
    shape ``(size,)``, in the unit that the scenario's manual states).
    """

    __slots__ = ("layout",)
    layout: ObservationLayout | None

    def __init__(self, layout: ObservationLayout | None = None, **entries: Any) -> None:
        super().__init__(**entries)
        self.layout = layout

    def __getattr__(self, name: str) -> NDArray[np.float64]:
        layout = object.__getattribute__(self, "layout") if name != "layout" else None
        place = _place(layout, name)
        numbers: NDArray[np.float64] = self["numeric_observation"]
        return numbers[place]

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.layout, dict(self))


class NumericObservation(np.ndarray[Any, np.dtype[np.float64]]):  # NDArray is an alias, not a class, in NumPy 2.5
    """An observation that consists of numbers alone: the vector itself, with named parts.

    It is a NumPy array of shape ``(size,)``, or ``(tasks, size)`` for many tasks at once, and
    ``observation.queue_lengths`` is the part with that name, of shape ``(..., size of the part)``.
    The whole vector is also ``observation["numeric_observation"]``, as in an `Observation`, so an agent need not know
    which of the two it gets.
    """

    layout: ObservationLayout | None

    def __new__(cls, layout: ObservationLayout, numbers: NDArray[np.float64]) -> Self:
        """A view of the numbers, ordered along the last axis as the layout says."""
        observation = numbers.view(cls)
        observation.layout = layout
        return observation

    def __array_finalize__(self, source: Any) -> None:
        self.layout = getattr(source, "layout", None)

    def __getitem__(self, key: Any) -> Any:
        return (
            self.view(np.ndarray) if isinstance(key, str) and key == "numeric_observation" else super().__getitem__(key)
        )

    def get(self, name: str, default: Any = None) -> Any:
        """The whole vector for ``numeric_observation``, otherwise ``default``, as an `Observation` does."""
        return self[name] if name == "numeric_observation" else default

    def __getattr__(self, name: str) -> NDArray[np.float64]:
        # A slice inherits the layout of the whole vector, but no longer has named parts.
        is_whole = self.layout is not None and self.shape[-1:] == (self.layout.size,)
        place = _place(self.layout if is_whole else None, name)
        numbers: NDArray[np.float64] = self.view(np.ndarray)
        return numbers[..., place]

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore_numbers, (self.layout, self.view(np.ndarray))


def _place(layout: ObservationLayout | None, name: str) -> slice:
    """The slice of the vector that a field occupies."""
    if layout is None or name not in layout.slices:
        shown = ", ".join(layout.slices) if layout is not None else "nothing numeric"
        raise AttributeError(f"the observation has no field {name}; it shows {shown}")
    return layout.slices[name]


def _restore(layout: ObservationLayout | None, entries: dict[str, Any]) -> Observation:
    return Observation(layout, **entries)


def _restore_numbers(layout: ObservationLayout, numbers: NDArray[np.float64]) -> NumericObservation:
    return NumericObservation(layout, numbers)
