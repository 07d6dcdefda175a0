"""Strict values: a boolean is not a number, and text that looks like a number is text."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

_NUMBER = re.compile(r"\s*[-+]?[\d.]")
"""Matches the start of a number, which pydantic might parse as one."""


class StrictModel(BaseModel):
    """Base of everything that a person writes: immutable, no unknown names, no value in the guise of another.

    By itself, pydantic takes ``true`` for 1, ``"010"`` for 10 and ``"no"`` for false. Its own strict mode also refuses
    lists for tuples and whole numbers for floats, which YAML has no other way to write.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _is_of_its_kind(cls, value: Any, info: ValidationInfo) -> Any:
        assert info.field_name is not None
        wrong = _mismatch(value, cls.model_fields[info.field_name].annotation)
        if wrong is not None:
            raise ValueError(wrong)
        return value


def _mismatch(value: Any, annotation: Any) -> str | None:
    """The reason why a value is of another kind than its annotation allows; None if it is not."""
    kinds = _kinds(annotation)
    is_number = int in kinds or float in kinds
    if Any in kinds or object in kinds:
        return None
    if isinstance(value, bool):
        wrong = is_number and bool not in kinds and not _listed(value, kinds)
        return (
            f"must be a number; YAML reads true, yes and on as a boolean, here {str(value).lower()}" if wrong else None
        )
    if isinstance(value, str) and "\0" in value:
        return "must not hold the character NUL, which no file, program or variable takes"
    if bool in kinds and not is_number and isinstance(value, int | float | str) and not _listed(value, kinds):
        return "must be true or false, without quotes"
    if isinstance(value, str) and is_number and str not in kinds and not _listed(value, kinds) and _NUMBER.match(value):
        return "must be a number, written in digits without quotes and leading zeros"
    return _mismatch_within(value, kinds)


def _mismatch_within(value: Any, kinds: list[Any]) -> str | None:
    """The same for the entries of a list or a mapping."""
    for kind in kinds:
        inner = [found for found in get_args(kind) if found is not Ellipsis]
        if isinstance(value, list | tuple) and get_origin(kind) in (tuple, list) and len(inner) == 1:
            for position, entry in enumerate(value):
                if (wrong := _mismatch(entry, inner[0])) is not None:
                    return f"entry {position + 1}, {entry!r}, {wrong}"
        if isinstance(value, Mapping) and get_origin(kind) is dict and len(inner) == 2:
            for name, entry in value.items():
                if (wrong := _mismatch(entry, inner[1])) is not None:
                    return f"{name}={entry!r} {wrong}"
    return None


def _kinds(annotation: Any) -> list[Any]:
    """The members of a union, without their annotations."""
    if get_origin(annotation) is Annotated:
        return _kinds(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [kind for member in get_args(annotation) for kind in _kinds(member)]
    return [annotation]


def _listed(value: Any, kinds: list[Any]) -> bool:
    return any(get_origin(kind) is Literal and value in get_args(kind) for kind in kinds)
