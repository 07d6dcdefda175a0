"""Errors meant for the reader: one line that says what was given and what to do."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, get_args

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError


class InfrarayError(Exception):
    """An error that a user can fix. The command line prints only its text, without a traceback."""


class InvalidAction(InfrarayError):
    """An agent's action that the environment rejects; the text is the reason in one line."""


class Unavailable(InfrarayError):
    """Something that every further episode needs is missing: the run stops, and what it owes stays owed."""


class UnknownName(InfrarayError):
    """A name that is not registered; the text lists the nearest ones."""


class UnknownArgument(InfrarayError, TypeError):
    """A keyword that a scenario does not take. Learning libraries try keywords and catch Python's `TypeError`."""


class Refusals:
    """Several errors that a user can fix, reported together, each line once."""

    def __init__(self) -> None:
        self._lines: dict[str, None] = {}

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """Collects an `InfrarayError` raised inside; the code after the block continues."""
        try:
            yield
        except InfrarayError as error:
            self._lines.update(dict.fromkeys(str(error).splitlines()))

    def refuse(self) -> None:
        """Reports what was collected.

        Raises:
            InfrarayError: something was.
        """
        if self._lines:
            raise InfrarayError("\n".join(self._lines))


_SECRET = re.compile(
    r"(TOKEN|(KEY|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|SIGNATURE)S?|BEARER)\d*(_|$)|(^|_)(PAT|SIG)$",
    re.IGNORECASE,
)
"""Matches names of environment variables whose values must not be written or shown; ``MAX_TOKENS`` is no secret."""


def is_secret(name: str) -> bool:
    """Whether a name is that of a key, a token or a password."""
    return _SECRET.search(name) is not None


def without_secrets(value: Any, place: tuple[int | str, ...] = ()) -> Any:
    """Plain data, safe to show: "..." replaces the secrets among the variables of an ``env``.

    Args:
        value: the data.
        place: where it is in what a person wrote.
    """
    if isinstance(value, dict):
        return {name: without_secrets(part, (*place, name)) for name, part in value.items()}
    if isinstance(value, list):
        return [without_secrets(part, place) for part in value]
    if "env" not in place:
        return value
    # There may be NAME=value in place of an environment.
    name, is_set, _ = str(value).partition("=")
    named = (name if is_set else "") if place[-1] == "env" else str(place[-1])
    return "..." if is_secret(named) else value


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of an error about ``name``: the nearest of ``known``, or all of them if none is near."""
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"known are {', '.join(names)}" if names else "none are known"


_REASONS = {
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be greater than or equal to {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be less than or equal to {le}",
    "multiple_of": "must be a multiple of {multiple_of}",
    "finite_number": "must be a finite number",
    "too_short": "must have at least {min_length} entries",
    "too_long": "must have at most {max_length} entries",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "must match {pattern}",
    "string_unicode": "must be text of whole characters",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "int_parsing_size": "must be a number of fewer digits",
    "invalid_key": "names must be text; put them in quotes",
    "none_required": "must be null",
    "recursion_loop": "must not contain itself",
    "recursion_depth_exceeded": "must not be nested as deeply",
}
"""Our wording for pydantic's kinds of errors; what it expects is filled in."""

_KINDS = {
    "string": "text; numbers and true or false go in quotes",
    "int": "a valid integer",
    "float": "a number",
    "decimal": "a number",
    "bool": "true or false",
    **dict.fromkeys(("list", "tuple", "set", "frozen_set", "iterable"), "a list"),
    **dict.fromkeys(("dict", "mapping", "model", "model_attributes", "dataclass"), "a mapping of names to values"),
}
"""What a value must be, by the first words of its error's kind, such as ``int_parsing``."""


def explain_validation(error: ValidationError, model: type[BaseModel]) -> list[tuple[tuple[int | str, ...], str]]:
    """Turns a pydantic error into (place, one line) pairs that name the field, the value and the fix."""
    lines: list[tuple[tuple[int | str, ...], str]] = []
    for detail in error.errors():
        place = tuple(part for part in detail["loc"] if part != "[key]")
        field = ".".join(str(part) for part in place)
        if detail["type"] == "extra_forbidden":
            known = _model_at(model, place[:-1]).model_fields
            lines.append((place, f"{field}: no such field; {did_you_mean(str(place[-1]), known)}"))
        elif detail["type"] == "missing":
            lines.append((place, f"{field}: required and not given"))
        elif not place:
            lines.append((place, _reason(detail)))
        else:
            shown = repr(without_secrets(detail["input"], place))
            lines.append((place, f"{field}={shown if len(shown) < 200 else '...'}: {_reason(detail)}"))
    return lines


def refusal(error: ValidationError, model: type[BaseModel]) -> InfrarayError:
    """A pydantic error in our words, one line for every field that is wrong."""
    return InfrarayError("\n".join(line for _, line in explain_validation(error, model)))


def _reason(detail: Mapping[str, Any]) -> str:
    """The reason why a value is refused, in our words."""
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in ("value_error", "assertion_error"):
        return " ".join(str(context["error"]).split())
    if kind in _REASONS:
        return _REASONS[kind].format(**{name: _plain(value) for name, value in context.items()})
    words = kind.split("_")
    for length in range(len(words), 0, -1):
        if (wanted := _KINDS.get("_".join(words[:length]))) is not None:
            return f"must be {wanted}"
    return f"cannot be read ({' '.join(words)})"


def _plain(value: Any) -> Any:
    """A limit as a person writes it: 1, not 1.0."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value


def _model_at(model: type[BaseModel], place: tuple[int | str, ...]) -> type[BaseModel]:
    """The model of the part of ``model`` that a place leads to."""
    from pydantic import BaseModel  # only where a model is validated: errors are imported wherever infraray is

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
