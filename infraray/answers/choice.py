"""A choice: a whole number from 0 on, under a name and perhaps also given by words."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from infraray.answers.decorations import is_bounded, layers, named_tag
from infraray.answers.form import GENERAL_NAMES, UNREAD, AnswerForm, own_values, shown, wrapped
from infraray.answers.json_objects import LONGEST_NUMBER, JsonObject
from infraray.answers.prose import Stance, mentions
from infraray.errors import InvalidAction

_NUMBER = re.compile(r"(?:#\s?|no\.\s?|number\s)?([+-]?[0-9]++)(?:\.0++)?", re.IGNORECASE)
_FLAGS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_SHOWN_ALIKE = {
    **{0xFF10 + digit: str(digit) for digit in range(10)},
    **dict.fromkeys(map(ord, "\ufeff\u200b\u2060"), ""),
}
"""Full-width digits, and characters that are not visible."""
_NOT = re.compile(r"(?:do not|don['\u2019]?t|not|never|no)\s+", re.IGNORECASE)


@dataclass(frozen=True)
class Choice(AnswerForm):
    """A whole number from 0 to ``size - 1``.

    Args:
        name: its key in JSON and its noun in prose; "" if the number is given alone.
        size: the number of choices.
        also: its other names.
        values: words that stand for a number; if there are two, each is the other's opposite.
        refused: words that may not be used now, and why.
        unwanted: verbs that in prose mark what is not chosen.
    """

    name: str
    size: int
    also: tuple[str, ...] = ()
    values: Mapping[str, int] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    unwanted: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:  # type: ignore[override]
        """The name, its synonyms, and the words."""
        return tuple(name for name in (self.name, *self.also, *self.values) if name)

    @property
    def labels(self) -> tuple[str, ...]:  # type: ignore[override]
        """The names."""
        return self.names

    @property
    def wanted(self) -> str:  # type: ignore[override]
        """The range, and an example."""
        return f"answer a whole number from 0 to {self.size - 1}, for example {self.say(0)}"

    def say(self, action: Any) -> str:
        """JSON with the name, or the number alone."""
        number = int(action)
        if not self.name:
            return str(number)
        return json.dumps({self.name: number == self.values[self.name] if self._is_flag else number})

    def from_object(self, content: JsonObject) -> int:
        """The number under its name, a word's flag, or either under a general name."""
        own = list(own_values(self, content))
        numbers = [self._number(value) for name, value in own if name in self.names and name not in self.values]
        words = [(name, value) for name, value in own if name in self.values]
        specific = numbers + [
            self._under(name, value) for name, value in words if not self._goes_with(numbers, name, value)
        ]
        general = [value for name, value in own if name not in self.names]
        if specific:
            # "action": "assign" beside it says what to do, not what to do it to.
            said = [number for value in general if (number := self._perhaps(value)) is not None]
            return self._only([*specific, *said])
        if (inside := wrapped(content)) is not None:
            return self.from_object(inside)
        if not general:
            raise InvalidAction(f"the object has no {self._noun}; {self.wanted}")
        return self._only([self._number(value) for value in general])

    def from_value(self, text: str) -> Any:
        """A number or a word, perhaps with the name before it."""
        for bare in layers(text.translate(_SHOWN_ALIKE)):
            number = self._from_bare(bare)
            if number is not UNREAD:
                return number
            if (tag := named_tag(bare)) is not None and (name := self.own_name(tag[0])) is not None:
                return self._under(name, tag[1])
            label = _label(self._nouns, tuple(self.values)).match(bare)
            if label is None or label.end() == len(bare):
                continue
            rest = bare[label.end() :]
            if is_bounded(rest):
                continue
            if not label["word"]:
                if (number := self.from_value(rest)) is not UNREAD:
                    return number
                continue
            for inside in layers(rest):
                if (number := self._flag(label["word"].lower(), inside)) is not UNREAD:
                    return number
        return UNREAD

    def from_prose(self, text: str) -> int:
        """The only number or word that is named and not rejected."""
        text = text.translate(_SHOWN_ALIKE)
        names = (*self._nouns, *GENERAL_NAMES)
        by_number: set[int] = set()
        by_word: set[int] = set()
        chosen = False
        for mention in mentions(text, names, tuple(self.values), self.unwanted):
            chosen |= mention.stance is not Stance.ASKED
            if mention.stance is Stance.UNCLEAR:
                raise InvalidAction(f"it cannot be told what {shown(text)} decides; {self.wanted}")
            if mention.word is not None:
                number = self.values[mention.word]
                by_word.add(self._opposite(number) if mention.stance is Stance.AGAINST else number)
            elif mention.stance is Stance.AGAINST:
                raise InvalidAction(f"{shown(text)} says what not to do; {self.wanted}")
            else:
                by_number.add(self._mentioned(mention.number or ""))
            if len(by_number | by_word) > 1 and not self.refused:
                break
        if not by_number:
            by_word = {self._may_be_a_word(number) for number in by_word}
        elif self.refused:
            by_word -= {self.values[word] for word in self.refused}
        found = by_number | by_word
        if len(found) > 1:
            raise InvalidAction(f"{shown(text)} names more than one {self._noun}; {self.wanted}")
        if not found or not chosen:
            raise InvalidAction(f"no {self._noun} found in {shown(text)}; {self.wanted}")
        return found.pop()

    @property
    def _noun(self) -> str:
        return self.name or "action"

    @property
    def _nouns(self) -> tuple[str, ...]:
        """The names that may precede a number."""
        return tuple(name for name in (self.name, *self.also) if name and name not in self.values)

    @property
    def _is_flag(self) -> bool:
        return self.name in self.values and self.size == 2

    def _opposite(self, number: int) -> int:
        """The number meant by denying a word."""
        others = {value for value in self.values.values() if value != number}
        if len(others) != 1:
            raise InvalidAction(f"the answer says what not to do; {self.wanted}")
        return others.pop()

    def _may_be_a_word(self, number: int) -> int:
        """A number that was given by a word."""
        for word, reason in self.refused.items():
            if self.values[word] == number:
                raise InvalidAction(reason)
        return number

    def _only(self, numbers: list[int]) -> int:
        if len(set(numbers)) > 1:
            raise InvalidAction(f"the object's keys name more than one {self._noun}; {self.wanted}")
        return numbers[0]

    def _under(self, name: str, value: Any) -> int:
        """The number meant by a value under one of the names."""
        if name not in self.values:
            return self._number(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        number = self._flag(name, str(value) if isinstance(value, str | bool | int) else "")
        if number is UNREAD:
            raise InvalidAction(f"{name} {shown(value)} is neither true nor false; {self.wanted}")
        return int(number)

    def _goes_with(self, numbers: list[int], word: str, value: Any) -> bool:
        """Whether a refused word merely follows from the number beside it: {"evict": 3, "admit": true}."""
        flag = _FLAGS.get(str(value).strip().lower())
        if flag is None or not self.refused or not numbers:
            return False
        meant = self.values[word] if flag else self._opposite(self.values[word])
        return meant in {self.values[refused] for refused in self.refused} and self._opposite(meant) not in numbers

    def _flag(self, word: str, text: str) -> Any:
        """The number that a word means with a flag; with a false one, its opposite."""
        flag = _FLAGS.get(text.strip().lower())
        if flag is None:
            return UNREAD
        return self._may_be_a_word(self.values[word] if flag else self._opposite(self.values[word]))

    def _number(self, value: Any) -> int:
        """The number meant by a value in JSON."""
        if isinstance(value, str):
            number = self.from_value(value)
            if number is not UNREAD:
                return int(number)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            if value == value and abs(value) != float("inf") and value == int(value):
                return self._in_range(int(value))
            if value != value or abs(value) == float("inf"):
                raise InvalidAction(f"{self._noun} {value} does not exist; {self.wanted}")
        raise InvalidAction(f"the {self._noun} {shown(value)} is not a whole number; {self.wanted}")

    def _perhaps(self, value: Any) -> int | None:
        try:
            return self._number(value)
        except InvalidAction:
            return None

    def _from_bare(self, text: str) -> Any:
        if _NUMBER.fullmatch(text) is not None:
            return self._mentioned(text)
        negated = _NOT.match(text)
        word = text[negated.end() if negated else 0 :].lower()
        if word not in self.values:
            return self._flag(self.name, text) if self._is_flag else UNREAD
        number = self.values[word]
        return self._may_be_a_word(self._opposite(number) if negated else number)

    def _mentioned(self, text: str) -> int:
        match = _NUMBER.fullmatch(text)
        if match is None:
            raise InvalidAction(f"{shown(text)} is not one {self._noun}; {self.wanted}")
        if len(match[1]) > LONGEST_NUMBER:
            raise InvalidAction(f"{self._noun} {match[1][:20]} does not exist; {self.wanted}")
        return self._in_range(int(match[1]))

    def _in_range(self, number: int) -> int:
        if not 0 <= number < self.size:
            raise InvalidAction(f"{self._noun} {str(number)[:20]} does not exist; {self.wanted}")
        return number


@lru_cache(maxsize=256)
def _label(names: tuple[str, ...], words: tuple[str, ...]) -> re.Pattern[str]:
    """The beginning of ``server: 2``, ``the server is 2``, ``Server #2``, ``server-2``, ``admit: true``."""
    name = "|".join(re.escape(each).replace("_", r"[\s_-]?") for each in (*names, *GENERAL_NAMES))
    word = "|".join(map(re.escape, words)) or r"(?!)"
    around = r"[\"'`*_]{0,3}"
    return re.compile(
        rf"(?:the\s+|my\s+)?(?:final\s+)?{around}(?:(?:{name})|(?P<word>{word}))(?:[\s_-]?(?:index|idx|id|number|num|no))?"
        rf"\.?{around}(?:(?P<hyphen>-)(?=[0-9])|\s{{0,8}}(?:[:=#]|->|=>|→|is\b|number\b|no\.)?{around}\s{{0,8}}#?)",
        re.IGNORECASE,
    )
