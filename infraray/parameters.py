"""The parameters of a scenario: validated values with a unit, a range and a sentence each."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from infraray.errors import InfrarayError, explain_validation


def parameter(default: Any, *, unit: str, description: str, **constraints: Any) -> Any:
    """A field of a `Parameters` model. ``unit`` is "1" for counts and ratios, "" for names."""
    return Field(default, description=description, json_schema_extra={"unit": unit}, **constraints)


class Parameters(BaseModel):
    """Base of every scenario's parameters: immutable, no unknown names, hashable through JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @classmethod
    def parse(cls, owner: str, values: Mapping[str, Any]) -> Self:
        """Validates ``values``; ``owner`` (the scenario's name) starts the error's line.

        Raises:
            InfrarayError: one line a wrong field, each with the field, the value and the fix.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            lines = [line for _, line in explain_validation(error, cls)]
            raise InfrarayError("\n".join(f"{owner}: {line}" for line in lines)) from None

    def files(self) -> dict[str, str]:
        """Files that the parameters name, as {path: SHA-256}: part of an episode's identity."""
        return {}


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
