"""The form of an action in an answer: a scenario declares it, so that the one reader can read it."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, Final

from infraray.answers.json_objects import JsonObject, find_objects
from infraray.errors import InvalidAction

GENERAL_NAMES = ("action", "answer", "final_answer", "choice", "decision")
"""Keys that may hold the action in every scenario, beside its own."""

WRAPPERS = (
    *GENERAL_NAMES,
    "arguments",
    "parameters",
    "args",
    "input",
    "action_input",
    "tool_input",
    "response",
    "output",
    "result",
    "final",
    "function",
    "tool_call",
    "tool_calls",
)
"""Keys whose value may be the object that holds the action, if the outer object has no key for the action itself."""


class _Unread:
    def __repr__(self) -> str:
        return "UNREAD"


UNREAD: Final = _Unread()
"""Returned for a text that is not a value of the form."""


class AnswerForm(ABC):
    """Reads and writes a scenario's actions; reading returns native ones, as `Environment.check_action` does."""

    names: tuple[str, ...]
    """The action's own keys in a JSON object, in lower case."""

    labels: tuple[str, ...] = ()
    """Names that mark a line as "Answer:" does, if nothing else marks one: ``Server: 2``."""

    wanted: str
    """The end of a reason, saying what is valid: ``answer a whole number from 0 to 3, for example {"server": 0}``."""

    @abstractmethod
    def say(self, action: Any) -> str:
        """Writes a native action as text that can be read back."""

    @abstractmethod
    def from_object(self, content: JsonObject) -> Any:
        """The action held by an object's own keys.

        Raises:
            InvalidAction: they hold none, or contradict each other.
        """

    def from_value(self, text: str) -> Any:
        """The action that a bare value is; UNREAD if it is not one.

        Raises:
            InvalidAction: it is a value, but out of range.
        """
        return UNREAD

    def from_prose(self, text: str) -> Any:
        """The only action that prose names.

        Raises:
            InvalidAction: it names none, or more than one.
        """
        raise InvalidAction(f"no {self.names[0]} found in {shown(text)}; {self.wanted}")

    def is_meant(self, content: JsonObject) -> bool:
        """Whether an object, or one that it wraps, has one of the action's own keys."""
        return any(self.own_name(key) is not None for key in content) or wrapped(content) is not None

    def own_name(self, key: str) -> str | None:
        """The name that a key stands for: ``Server``, ``server_id`` and ``serverIndex`` are ``server``."""
        plain = re.sub(r"[\s-]+", "_", key.strip().lower()) if len(key) <= 60 else ""
        for name in (plain, _SUFFIX.sub("", plain), _PREFIX.sub("", _SUFFIX.sub("", plain))):
            if name in self.names or name in GENERAL_NAMES:
                return name
        return None


_PREFIX = re.compile(r"\A(?:selected|chosen|final|target|next)_?")
_SUFFIX = re.compile(r"_?(?:index|idx|id|number|num|no)\Z")


def wrapped(content: Mapping[str, Any]) -> JsonObject | None:
    """The only object under one of `WRAPPERS`."""
    inside = [_as_object(value) for key, value in content.items() if key.lower() in WRAPPERS]
    objects = [value for value in inside if value is not None]
    return objects[0] if len(objects) == 1 else None


def _as_object(value: Any) -> JsonObject | None:
    """An object, perhaps inside a string or a list of one, as calls and their arguments are in OpenAI's protocol."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, str) and value.lstrip().startswith("{") and value.rstrip().endswith("}"):
        found = find_objects(value)
        return found[0].content if len(found) == 1 else None
    return value if isinstance(value, JsonObject) else None


def own_values(form: AnswerForm, content: JsonObject) -> Iterator[tuple[str, Any]]:
    """An object's own names and their values.

    Raises:
        InvalidAction: one of the keys appears in it more than once.
    """
    for key, value in content.items():
        name = form.own_name(key)
        if name is not None:
            if key in content.repeated:
                raise InvalidAction(f"the key {shown(key)} stands in the answer more than once; {form.wanted}")
            yield name, value


def shown(value: Any) -> str:
    """A value as shown in a reason, bounded."""
    text = repr(value[:100]) if isinstance(value, str) and len(value) > 100 else repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
