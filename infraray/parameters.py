"""The parameters of a scenario: validated values with a unit, a range and a sentence each."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import Field, ValidationError
from pydantic.fields import FieldInfo

from infraray.conditions import Is
from infraray.errors import InfrarayError, UnknownArgument, explain_validation
from infraray.strict import StrictModel


def parameter(default: Any, *, unit: str, description: str, only_when: Sequence[Is] = (), **constraints: Any) -> Any:
    """A field of a `Parameters` model.

    Args:
        default: the value if none is given.
        unit: "1" for counts and ratios, "" for names.
        description: a sentence.
        only_when: conditions that must all hold for it to have an effect; otherwise any value but the default is
            refused.
        constraints: pydantic's.
    """
    extra: dict[str, Any] = {"unit": unit, "only_when": tuple(only_when)}
    return Field(default, description=description, json_schema_extra=extra, **constraints)


def meaning(field: FieldInfo) -> str:
    """A field's description and the conditions under which it has an effect."""
    told = " and ".join(map(str, conditions(field)))
    return f"{field.description}; only where {told}" if told else field.description or ""


def conditions(field: FieldInfo) -> tuple[Is, ...]:
    """The conditions that must all hold for a field of a `Parameters` model to have an effect."""
    extra = field.json_schema_extra
    return extra.get("only_when", ()) if isinstance(extra, dict) else ()  # type: ignore[return-value]


class Parameters(StrictModel):
    """Base of every scenario's parameters: immutable, without unknown names, hashable through JSON."""

    @classmethod
    def parse(cls, owner: str, values: Mapping[str, Any], preset: Mapping[str, Any] | None = None) -> Self:
        """Validates ``values``, completed from a ``preset``; ``owner`` begins each line of an error.

        NumPy scalars and arrays are converted to numbers and lists.

        Values of the preset that have no effect given the others are reset to their defaults, so that stored
        parameters can be read back.

        Raises:
            UnknownArgument: a name is not a field; the message also has Python's usual wording.
            InfrarayError: one line per field that is wrong or has no effect, with the value and the fix.
        """
        values = {name: _without_numpy(value) for name, value in values.items()}
        try:
            found = cls.model_validate({**(preset or {}), **values})
        except ValidationError as error:
            raise _explained(error, cls, owner) from None
        idle = found.without_effect()
        refused = [name for name in idle if name in values]
        if refused:
            lines = [f"{name}={getattr(found, name)!r}: has no effect: {idle[name]}" for name in refused]
            raise InfrarayError("\n".join(f"{owner}: {line}" for line in lines))
        if not idle:
            return found
        return cls.model_validate(
            {name: value for name, value in {**(preset or {}), **values}.items() if name not in idle}
        )

    def without_effect(self) -> dict[str, str]:
        """Why parameters that differ from their defaults have no effect given the others, by name."""
        return {
            name: condition.broken(self)
            for name, field in type(self).model_fields.items()
            for condition in reversed(conditions(field))
            if not condition.holds(self) and getattr(self, name) != field.default
        }

    def files(self) -> dict[str, str]:
        """Files that the parameters name, as {path: SHA-256}: part of an episode's identity."""
        return {}


def _explained(error: ValidationError, model: type[Parameters], owner: str) -> InfrarayError:
    """What is wrong with a model's values, one line per field."""
    lines, kind = [], InfrarayError
    for place, line in explain_validation(error, model):
        if len(place) == 1 and place[0] not in model.model_fields:
            kind = UnknownArgument
            line += f" (got an unexpected keyword argument '{place[0]}')"
        lines.append(f"{owner}: {line}")
    return kind("\n".join(lines))


def _without_numpy(value: Any) -> Any:
    """A value with NumPy scalars and arrays replaced by Python numbers and lists."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if type(value) in (list, tuple):
        return type(value)(map(_without_numpy, value))
    return value


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file's content in hexadecimal.

    Raises:
        InfrarayError: the file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        raise InfrarayError(f"{path}: cannot be read ({getattr(error, 'strerror', error)})") from None
