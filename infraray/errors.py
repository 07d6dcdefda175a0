"""Errors that are meant for the reader: one line that says what was given and what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any, get_args

from pydantic import BaseModel, ValidationError


class InfrarayError(Exception):
    """What a user can mend. The command line prints its text alone, without a traceback."""


class InvalidAction(InfrarayError):
    """An agent's action that the environment does not accept; the text is the reason in one line."""


class Unavailable(InfrarayError):
    """What every further episode needs is not there: the run stops, and what it owes stays owed."""


class UnknownName(InfrarayError):
    """A name that is not registered; the text lists the nearest ones."""


_SECRET = re.compile(r"(TOKEN|(KEY|SECRET|PASSWORD)S?)\d*(_|$)", re.IGNORECASE)
"""What names an environment variable whose value is for no file and no error's line; ``MAX_TOKENS`` keeps no secret."""


def is_secret(name: str) -> bool:
    """Whether a name is that of a key, a token, a password."""
    return _SECRET.search(name) is not None


def without_secrets(value: Any, place: tuple[int | str, ...] = ()) -> Any:
    """Plain data as it may be shown: "..." stands for what a variable in an ``env`` keeps secret.

    Args:
        value: the data.
        place: where it stands in what a person wrote.
    """
    if isinstance(value, dict):
        return {name: without_secrets(part, (*place, name)) for name, part in value.items()}
    if isinstance(value, list):
        return [without_secrets(part, place) for part in value]
    if "env" not in place:
        return value
    # Where an environment should stand there may be NAME=value.
    name, is_set, _ = str(value).partition("=")
    named = (name if is_set else "") if place[-1] == "env" else str(place[-1])
    return "..." if is_secret(named) else value


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Ends an error about ``name``: the nearest of ``known``, or all of them where none is near."""
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"known are {', '.join(names)}" if names else "none are known"


def explain_validation(error: ValidationError, model: type[BaseModel]) -> list[tuple[tuple[int | str, ...], str]]:
    """Turns a pydantic error into (place, one line) pairs that name the field, the value and the fix."""
    lines: list[tuple[tuple[int | str, ...], str]] = []
    for detail in error.errors():
        place = tuple(detail["loc"])
        field = ".".join(str(part) for part in place) or model.__name__
        if detail["type"] == "extra_forbidden":
            known = _model_at(model, place[:-1]).model_fields
            lines.append((place, f"{field}: no such field; {did_you_mean(str(place[-1]), known)}"))
        elif detail["type"] == "missing":
            lines.append((place, f"{field}: required and not given"))
        else:
            reason = detail["msg"].removeprefix("Value error, ")
            reason = reason[0].lower() + reason[1:]
            shown = without_secrets(detail["input"], place)
            given = "" if detail["type"] == "value_error" and len(place) == 0 else f"={shown!r}"
            lines.append((place, f"{field}{given if len(given) < 200 else '=...'}: {reason}"))
    return lines


def _model_at(model: type[BaseModel], place: tuple[int | str, ...]) -> type[BaseModel]:
    """The model of the part of ``model`` that a place leads to."""
    for part in place:
        if part in model.model_fields:
            waiting: list[Any] = [model.model_fields[part].annotation]
            while waiting:
                candidate = waiting.pop()
                if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                    model = candidate
                    break
                waiting += get_args(candidate)
    return model
