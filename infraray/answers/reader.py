"""The one reader of agents' answers.

It tries, in this order: the outermost whole JSON object, by its own keys alone; a marked line
("Answer:", "Action:"), and that line alone; a bare value under the decorations of
``decorations.py``; prose in which exactly one candidate is named. Thoughts are removed first
(``thoughts.py``). An answer that says two things says nothing, and text around a mark that cannot
be read never makes up for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from infraray.answers.choice import Choice
from infraray.answers.decorations import is_bounded
from infraray.answers.form import GENERAL_NAMES, UNREAD, AnswerForm, shown
from infraray.answers.json_objects import Found, find_objects
from infraray.answers.marks import Mark, find_corrections, find_marks
from infraray.answers.prose import Stance, mentions
from infraray.answers.thoughts import split_thoughts
from infraray.errors import InvalidAction

LONGEST_ANSWER = 100_000
"""The most characters of an answer that are read, and stored with the step."""

ANSWER_CALLS = ("finish", "submit", "act", *GENERAL_NAMES)
"""Names of calls that hold an answer: ``Finish[2]``."""


def read_answer(text: str, form: AnswerForm) -> Any:
    """The action in an agent's answer.

    Args:
        text: what it said, including thoughts.
        form: the form of actions.

    Raises:
        InvalidAction: one line with the reason and what would be valid.
    """
    return _Answer(without_thoughts(text, form.wanted), form).read()


def without_thoughts(text: str, wanted: str) -> str:
    """What an agent said apart from its thoughts.

    Args:
        text: all of it.
        wanted: what would be valid, for the error's text.

    Raises:
        InvalidAction: it is too long, or there is nothing beside the thoughts.
    """
    if len(text) > LONGEST_ANSWER:
        raise InvalidAction(f"the answer has {len(text)} characters; at most {LONGEST_ANSWER} are read; {wanted}")
    said, thoughts = split_thoughts(text)
    if not said:
        raise InvalidAction(f"the answer {'holds thoughts alone' if thoughts else 'is empty'}; {wanted}")
    return said


def parse_choice(text: str, names: tuple[str, ...], size: int) -> int:
    """Reads a whole number from 0 to ``size - 1``, as `read_answer` reads a `Choice` with these names.

    Raises:
        InvalidAction: one line with the reason and what would be valid.
    """
    number: int = read_answer(text, Choice(names[0], size, names[1:]))
    return number


_OBJECT = re.compile("\x00([0-9]+)\x00")
_THIS = "infraray_object"
"""A word that stands in for an object while the prose around it is read."""
_REASON = re.compile(
    r"(?P<value>.{1,80}?)(?:(?P<word>,?\s{1,4}(?:because|since|as|for|due to)\b)"
    r"|\s{0,4}[.;,]\s|(?P<aside>\s{0,4}\()|\s{0,4}[\u2013\u2014]|\s-\s)(?P<rest>.*)",
    re.DOTALL | re.IGNORECASE,
)
_AMOUNT = re.compile(r"[0-9][0-9.,]*+\s?(?:[kKMG]?bps|[kKMG]bit/s|[kKMG]i?B|bytes|m?s|%|jobs?|requests?)\b[^0-9]*")
_TURNS = re.compile(
    r"\A\s*[\"'(]?[+-]?[0-9]|\b(?:or|if|unless|no|not|wait|actually|instead|alternatively|rather|maybe|perhaps|but|and|then|next)\b",
    re.IGNORECASE,
)
_CONDITIONS = re.compile(r"\b(?:or|if|unless|wait|actually|instead|alternatively)\b", re.IGNORECASE)


@dataclass
class _Answer:
    """An answer without its thoughts."""

    said: str
    form: AnswerForm

    def read(self) -> Any:
        self.objects = find_objects(self.said)
        # Each object is one opaque token from here on: text inside it is neither a mark nor prose.
        self.masked = self._mask()
        marks = find_marks(self.masked, self.form.labels)
        if marks:
            return self._marked(marks)
        if meant := self._objects_in(self.masked):
            return self._agreed([self._object(found) for found in meant])
        if any(found.content is None for found in self.objects):
            raise InvalidAction(f"the answer's JSON object is not whole; {self.form.wanted}")
        rest = _OBJECT.sub(" ", self.masked).strip()
        if not rest:
            # The object has none of the action's own keys: the form says which one is missing.
            return self.form.from_object(self.objects[0].content) if self.objects else self.form.from_prose(self.said)  # type: ignore[arg-type]
        value = self.form.from_value(rest)
        return self.form.from_prose(rest) if value is UNREAD else value

    def _mask(self) -> str:
        pieces, position = [], 0
        for number, found in enumerate(self.objects):
            if found.content is None:
                continue
            pieces += [self.said[position : found.start].replace("\x00", " "), f"\x00{number}\x00"]
            position = found.end
        pieces.append(self.said[position:].replace("\x00", " "))
        return "".join(pieces)

    def _is_meant(self, found: Found) -> bool:
        return found.content is not None and self.form.is_meant(found.content)

    def _object(self, found: Found) -> Any:
        assert found.content is not None
        return self.form.from_object(found.content)

    def _agreed(self, actions: list[Any]) -> Any:
        if any(action != actions[0] for action in actions[1:]):
            raise InvalidAction(f"the answer says two different things; {self.form.wanted}")
        return actions[0]

    def _marked(self, marks: list[Mark]) -> Any:
        """The last mark's action; other marks of its kind and objects on their own must not contradict it."""
        last = marks[-1]
        action = self._value_of(last)
        others = [mark for mark in marks[:-1] if mark.kind == last.kind]
        for mark in (*others, *find_corrections(self.masked, last.end)):
            if (other := self._strictly(mark)) is not UNREAD:
                self._agreed([action, other])
        for found in self._objects_in(_own_lines(self.masked)):
            self._agreed([action, self._object(found)])
        return action

    def _objects_in(self, text: str) -> list[Found]:
        """The objects of a text that hold an action.

        Raises:
            InvalidAction: the text says not to do what one of them says, or asks whether to.
        """
        found = [self.objects[int(number)] for number in _OBJECT.findall(text)]
        meant = [each for each in found if self._is_meant(each)]
        if meant and _is_spoken(_OBJECT.sub("", text)):
            lines = _OBJECT.sub(f" {_THIS} ", text).split("\n")
            stances = [
                each.stance for line in lines if _THIS in line for each in mentions(line, (), (_THIS,)) if each.word
            ]
            for each, stance in zip(found, stances, strict=False):
                if each in meant and stance in (Stance.AGAINST, Stance.ASKED):
                    raise InvalidAction(f"the answer says what not to do, or asks whether to; {self.form.wanted}")
        return meant

    def _strictly(self, mark: Mark) -> Any:
        try:
            return self._plain_value_of(mark)
        except InvalidAction:
            return UNREAD

    def _is_value(self, text: str) -> bool:
        try:
            return self.form.from_value(text) is not UNREAD
        except InvalidAction:
            return True

    def _plain_value_of(self, mark: Mark) -> Any:
        """The action that a mark marks, an object or a bare value; UNREAD if it is neither."""
        if mark.name is not None and mark.name not in ANSWER_CALLS and self.form.own_name(mark.name) is None:
            return UNREAD
        if (found := self._objects_in(mark.value)) and not _is_spoken(_OBJECT.sub("", mark.value)):
            return self._agreed([self._object(each) for each in found])
        return UNREAD if is_bounded(mark.value) else self.form.from_value(mark.value)

    def _value_of(self, mark: Mark) -> Any:
        value = self._plain_value_of(mark)
        if value is not UNREAD:
            return value
        line = mark.value.strip()
        if mark.name is None and not mark.is_far and line and not is_bounded(line):
            if found := self._objects_in(line):
                return self._agreed([self._object(each) for each in found])
            if (reasoned := _REASON.fullmatch(line)) is not None:
                is_amount = reasoned["aside"] and _AMOUNT.match(reasoned["rest"])
                turns = _CONDITIONS if reasoned["word"] or is_amount else _TURNS
                value = self.form.from_value(reasoned["value"])
                if value is not UNREAD and not turns.search(reasoned["rest"]) and not self._is_value(reasoned["rest"]):
                    return value
            try:
                return self.form.from_prose(line)
            except InvalidAction as reason:
                raise InvalidAction(f"what is marked as the {mark.kind} cannot be read: {reason}") from None
        named = f"{mark.name}[{mark.value.strip()}]" if mark.name is not None else line
        raise InvalidAction(f"what is marked as the {mark.kind} cannot be read: {shown(named)}; {self.form.wanted}")


def _is_spoken(text: str) -> bool:
    return re.search(r"\w", text.replace("json", "")) is not None


def _own_lines(masked: str) -> str:
    """Lines that hold nothing but an object."""
    return "\n".join(_OBJECT_ALONE.findall(masked))


_OBJECT_ALONE = re.compile("^[ \t`*>]*\x00[0-9]+\x00[ \t`*.]*$", re.MULTILINE)
