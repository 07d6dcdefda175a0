"""The form implied by an action space, for scenarios that declare none."""

from __future__ import annotations

from typing import Any

from gymnasium import spaces

from infraray.answers.choice import Choice
from infraray.answers.form import AnswerForm
from infraray.answers.record import Field, Number, Record, Text, Whole


def form_of(space: spaces.Space[Any]) -> AnswerForm | None:
    """A number for `Discrete`, an object for a `Dict` of numbers and texts; None if no form is obvious."""
    if isinstance(space, spaces.Discrete):
        return Choice("", int(space.n))
    if not isinstance(space, spaces.Dict):
        return None
    fields = [_field(name, part) for name, part in space.spaces.items()]
    known = tuple(field for field in fields if field is not None)
    return Record(known) if len(known) == len(fields) else None


def _field(name: str, space: spaces.Space[Any]) -> Field | None:
    if isinstance(space, spaces.Discrete):
        return Whole(name, int(space.n))
    if isinstance(space, spaces.Text):
        return Text(name, space.max_length, space.character_set)
    if isinstance(space, spaces.Box) and space.shape == ():
        return Number(name, float(space.low), float(space.high))
    return None
