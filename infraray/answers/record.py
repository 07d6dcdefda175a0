"""A record: an action of several named fields, given as a JSON object."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from infraray.answers.decorations import layers
from infraray.answers.form import UNREAD, AnswerForm, own_values, shown, wrapped
from infraray.answers.json_objects import JsonObject
from infraray.errors import InvalidAction, did_you_mean


@dataclass(frozen=True)
class Field(ABC):
    """One of a record's fields.

    Args:
        name: its key.
    """

    name: str

    @property
    @abstractmethod
    def example(self) -> Any:
        """A valid value in JSON."""

    @abstractmethod
    def read(self, value: Any) -> Any:
        """The native value.

        Raises:
            InvalidAction: it is not valid; the text says what would be.
        """

    def say(self, native: Any) -> Any:
        """The value in JSON."""
        return native


@dataclass(frozen=True)
class Whole(Field):
    """A whole number from 0 to ``size - 1``."""

    size: int

    @property
    def example(self) -> int:
        """The first."""
        return 0

    def read(self, value: Any) -> int:
        """A number; in JSON, 2.0 and "2" are 2."""
        number = _number(value)
        if number is None or number != int(number) or not 0 <= number < self.size:
            raise InvalidAction(f"{self.name} {shown(value)} is not a whole number from 0 to {self.size - 1}")
        return int(number)

    def say(self, native: Any) -> int:
        """The number."""
        return int(native)


@dataclass(frozen=True)
class Number(Field):
    """A number from ``low`` to ``high``."""

    low: float
    high: float

    @property
    def example(self) -> float:
        """The lowest value, or a finite one."""
        return next((end for end in (self.low, self.high) if math.isfinite(end)), 0.0)

    def read(self, value: Any) -> float:
        """A finite number within the range."""
        number = _number(value)
        if number is None or not self.low <= number <= self.high:
            raise InvalidAction(f"{self.name} {shown(value)} is not a number from {self.low:g} to {self.high:g}")
        return float(number)

    def say(self, native: Any) -> float:
        """The number."""
        return float(native)


@dataclass(frozen=True)
class Option(Field):
    """One of several names; natively, its position among them."""

    options: tuple[str, ...]

    @property
    def example(self) -> str:
        """The last."""
        return self.options[-1]

    def read(self, value: Any) -> int:
        """A name; upper and lower case are ignored if only one fits."""
        if isinstance(value, str) and value.strip() in self.options:
            return self.options.index(value.strip())
        alike = [name for name in self.options if isinstance(value, str) and name.lower() == value.strip().lower()]
        if len(alike) == 1:
            return self.options.index(alike[0])
        said = str(value)[:40]
        raise InvalidAction(f"no {self.name} {said!r}; {did_you_mean(said, self.options)}")

    def say(self, native: Any) -> str:
        """The name."""
        return self.options[int(native)]


@dataclass(frozen=True)
class Text(Field):
    """A text that is not blank.

    Args:
        longest: the most characters.
        characters: the characters that are allowed; None for all.
        sample: an example.
    """

    longest: int
    characters: Collection[str] | None = None
    sample: str = "text"

    @property
    def example(self) -> str:
        """The sample."""
        return self.sample

    def read(self, value: Any) -> str:
        """The text, unchanged."""
        if not isinstance(value, str) or not value.strip():
            raise InvalidAction(f"the {self.name} is not a text")
        if len(value) > self.longest:
            raise InvalidAction(f"the {self.name} has {len(value)} characters; at most {self.longest} are allowed")
        if self.characters is not None and not set(value) <= set(self.characters):
            raise InvalidAction(f"the {self.name} holds characters that are not allowed, such as {_first(self, value)}")
        return value

    def say(self, native: Any) -> str:
        """The text."""
        return str(native)


@dataclass(frozen=True)
class Record(AnswerForm):
    """An object with the fields' names as its keys; natively, a dict of the native values.

    Args:
        fields: all of them; each must be given unless it has a default.
        defaults: native values of fields that may be left out.
        words: words that are a whole action on their own.
    """

    fields: tuple[Field, ...]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    words: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        """The fields' names."""
        return tuple(each.name for each in self.fields)

    @property
    def wanted(self) -> str:  # type: ignore[override]
        """An example."""
        return f"answer with JSON such as {json.dumps({each.name: each.example for each in self.fields})}"

    def say(self, action: Any) -> str:
        """The object as JSON."""
        return json.dumps({each.name: each.say(action[each.name]) for each in self.fields})

    def from_object(self, content: JsonObject) -> dict[str, Any]:
        """Every field's value under its name."""
        given: dict[str, Any] = {}
        for name, value in own_values(self, content):
            if name in given and given[name] != value:
                raise InvalidAction(f"the answer has two values for {name}; {self.wanted}")
            if name in self.names:
                given[name] = value
        if not given:
            if (inside := wrapped(content)) is not None:
                return self.from_object(inside)
            # A word, or the value of the only field, under a general name.
            said = [self.from_value(str(value)) for _, value in own_values(self, content)]
            if len(said) == 1 and said[0] is not UNREAD:
                action: dict[str, Any] = said[0]
                return action
            raise InvalidAction(f"no {self.names[-1]} found in the object; {self.wanted}")
        return self.complete(given)

    def complete(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The action made of the values under the fields' names.

        Raises:
            InvalidAction: one is missing, or is not valid for its field.
        """
        action = {}
        for each in self.fields:
            if given.get(each.name) is None:
                if each.name not in self.defaults:
                    raise InvalidAction(f"no {each.name} found; {self.wanted}")
                action[each.name] = self.defaults[each.name]
                continue
            try:
                action[each.name] = each.read(given[each.name])
            except InvalidAction as reason:
                raise InvalidAction(f"{reason}; {self.wanted}") from None
        return action

    def from_value(self, text: str) -> Any:
        """One of the words, or the value of the only field."""
        for bare in layers(text):
            if bare.lower() in self.words:
                return dict(self.words[bare.lower()])
            if len(self.fields) == 1:
                try:
                    return self.complete({self.names[0]: bare})
                except InvalidAction:
                    continue
        return UNREAD

    def from_prose(self, text: str) -> Any:
        """Raises: a record is never guessed from prose."""
        raise InvalidAction(f"no {self.names[-1]} found in {shown(text)}; {self.wanted}")


def _number(value: Any) -> float | int | None:
    if isinstance(value, str):
        try:
            value = float(value.strip()) if len(value) <= 40 else None
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None


def _first(field: Text, value: str) -> str:
    return repr(next(character for character in value if character not in set(field.characters or ())))
