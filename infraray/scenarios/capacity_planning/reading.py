"""Reads questions back: a grammar of the phrasings, which knows nothing of a task but its text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Formatter

from infraray.scenarios.capacity_planning.compositions import Condition, Loop
from infraray.scenarios.capacity_planning.hierarchy import KINDS
from infraray.scenarios.capacity_planning.operations import Operation
from infraray.scenarios.capacity_planning.operations.add_port import AddPort
from infraray.scenarios.capacity_planning.operations.add_switch import AddSwitch
from infraray.scenarios.capacity_planning.operations.count import Count
from infraray.scenarios.capacity_planning.operations.list import List
from infraray.scenarios.capacity_planning.operations.naming import EACH, LOOP_NODE
from infraray.scenarios.capacity_planning.operations.phrasing import Phrasing
from infraray.scenarios.capacity_planning.operations.rank import Rank
from infraray.scenarios.capacity_planning.operations.remove import Remove
from infraray.scenarios.capacity_planning.operations.selection import BOUNDS, DEEP, DIRECT, Selection
from infraray.scenarios.capacity_planning.operations.update import Update
from infraray.scenarios.capacity_planning.words import RETURNED

_NAME = "`[^`]+`"
_BODY = r"(?:[^\[\]]|\[[^\[\]]*\])*"
_KINDS = {kind.plural: kind.name for kind in KINDS.values()}


class UnknownPhrasing(ValueError):
    """A sentence is none that the grammar has."""


@dataclass(frozen=True)
class Fields:
    """What stands in a sentence for the operands of an operation.

    Args:
        texts: the operands in words, by their fields in the phrasings.
        grammar: what reads sentences within the sentence.
        looped: whether it is about the node at hand of a loop.
    """

    texts: Mapping[str, str | None]
    grammar: Grammar
    looped: bool

    def names(self, field: str) -> tuple[str, ...]:
        """Names in backticks."""
        names: list[str] = re.findall("`([^`]+)`", self.text(field))
        return tuple(self._as_held(name) for name in names)

    def name(self, field: str) -> str:
        """One of them."""
        return self.names(field)[0]

    def number(self, field: str) -> int:
        """A whole number."""
        return int(self.text(field))

    def selection(self) -> Selection:
        """Nodes."""
        return self.grammar.selection(self.text("selection"))

    def body(self, field: str, looped: bool = False) -> Operation:
        """The one sentence in brackets."""
        steps = self.grammar.steps(self.text(field), looped or self.looped)
        if len(steps) != 1:
            raise UnknownPhrasing(f"not one sentence: {self.text(field)}")
        return steps[0]

    def otherwise(self) -> Operation | None:
        """What a condition has for nodes without the capacity."""
        if not self.text("otherwise"):
            return None
        return Fields(self.grammar.other_part(self.text("otherwise")), self.grammar, self.looped).body("otherwise")

    def text(self, field: str) -> str:
        """As it stands; empty where it is left out."""
        return self.texts[field] or ""

    def _as_held(self, name: str) -> str:
        at_hand = self.looped and (name == LOOP_NODE or name.startswith(f"{LOOP_NODE}."))
        return EACH + name.removeprefix(LOOP_NODE) if at_hand else name


_BUILD: dict[type[Operation], Callable[[Fields], Operation]] = {
    AddPort: lambda said: AddPort(said.name("name"), said.name("parent"), said.number("capacity")),
    AddSwitch: lambda said: AddSwitch(
        said.name("name"), said.name("parent"), said.number("ports"), said.number("capacity")
    ),
    Remove: lambda said: Remove(said.names("names")),
    Update: lambda said: Update(said.names("names"), said.number("capacity")),
    Count: lambda said: Count(said.selection()),
    List: lambda said: List(said.selection()),
    Rank: lambda said: Rank(said.selection(), said.text("first") == "largest"),
    Loop: lambda said: Loop(said.selection(), said.body("body", looped=True)),
    Condition: lambda said: Condition(said.name("name"), said.number("minimum"), said.body("then"), said.otherwise()),
}


class Grammar:
    """The sentences of questions.

    Args:
        held_out: whether it has the held-out phrasings too.
    """

    def __init__(self, held_out: bool) -> None:
        self._held_out = held_out
        self._patterns = {
            **dict.fromkeys(("name", "parent"), _NAME),
            **dict.fromkeys(("capacity", "ports", "minimum", "low", "high"), r"\d+"),
            **dict.fromkeys(("then", "body", "otherwise"), _BODY),
            "names": f"(?:each of )?{_NAME}(?:(?:, | and ){_NAME})*",
            "plural": "|".join(_KINDS),
            "first": "largest|smallest",
        }
        self._selections = self._compiled(DIRECT + DEEP, f"(?P<bounds>(?: {self._any(BOUNDS)})?)")
        self._bounds = self._compiled(BOUNDS)
        self._other_parts = self._compiled(Condition.OTHERWISE)
        self._patterns["selection"] = f"{self._any(DIRECT + DEEP)}(?: {self._any(BOUNDS)})?"
        self._patterns["otherwise"] = f"(?:{self._any(Condition.OTHERWISE)})?"
        self._sentences = [
            (build, pattern) for operation, build in _BUILD.items() for pattern in self._compiled(operation.PHRASINGS)
        ]

    def question(self, text: str) -> tuple[Operation, ...]:
        """The steps that a whole question asks for.

        Raises:
            UnknownPhrasing: it is not said in phrasings of this grammar.
        """
        for sentence in RETURNED.values():
            if text.endswith(f" {sentence}"):
                return self.steps(text.removesuffix(f" {sentence}"), looped=False)
        raise UnknownPhrasing(f"no form of answer: {text}")

    def steps(self, text: str, looped: bool) -> tuple[Operation, ...]:
        """The steps of some sentences; of a loop's body if ``looped``."""
        steps: list[Operation] = []
        while text:
            build, found = self._first(text)
            steps.append(build(Fields(found.groupdict(), self, looped)))
            text = text[found.end() :].removeprefix(" ")
        return tuple(steps)

    def selection(self, text: str) -> Selection:
        """The nodes that some words are about."""
        ways = [*self._ways(DIRECT), *self._ways(DEEP)]
        for way, pattern in zip(ways, self._selections, strict=True):
            if found := pattern.fullmatch(text):
                kind, parent = _KINDS[found["plural"]], found["parent"].strip("`")
                bounds = [pattern.fullmatch(found["bounds"].removeprefix(" ")) for pattern in self._bounds]
                low_and_high = [(int(bound["low"]), int(bound["high"])) for bound in bounds if bound]
                return Selection(kind, parent, way in DEEP, *(low_and_high[0] if low_and_high else ()))
        raise UnknownPhrasing(f"no nodes: {text}")

    def other_part(self, text: str) -> dict[str, str]:
        """What stands in the second part of a condition."""
        found = [pattern.fullmatch(text) for pattern in self._other_parts]
        return next(match.groupdict() for match in found if match)

    def _first(self, text: str) -> tuple[Callable[[Fields], Operation], re.Match[str]]:
        """The sentence with which a text begins, and the operation that it is."""
        for build, pattern in self._sentences:
            found = pattern.match(text)
            if found and text[found.end() :][:1] in ("", " "):
                return build, found
        raise UnknownPhrasing(f"no known sentence: {text}")

    def _ways(self, ways: tuple[Phrasing, ...]) -> list[Phrasing]:
        return [way for way in ways if self._held_out or not way.held_out]

    def _compiled(self, ways: tuple[Phrasing, ...], ending: str = "") -> list[re.Pattern[str]]:
        """A pattern for each way to say a thing, with a group for each field."""
        return [re.compile(self._pattern(way, "(?P<{}>{})") + ending) for way in self._ways(ways)]

    def _any(self, ways: tuple[Phrasing, ...]) -> str:
        """One pattern for all ways to say a thing, without groups."""
        return f"(?:{'|'.join(self._pattern(way, '(?:{1})') for way in self._ways(ways))})"

    def _pattern(self, way: Phrasing, group: str) -> str:
        parts = Formatter().parse(way.text)
        return "".join(
            re.escape(literal) + (group.format(field, self._patterns[field]) if field else "")
            for literal, field, _, _ in parts
        )
