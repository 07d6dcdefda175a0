"""Extracts the answer letter from a model's text, on three levels (InferenceBench, appendix C.1).

1. ``stated``: "the answer is (X)" or "answer is X", else "Answer: X", in any case and through Markdown. The first one
   counts, since models often go on to write questions of their own.
2. ``isolated``: the only letter from A to J that stands by itself.
3. ``last``: the last letter that stands by itself, else the last capital from A to J.

MMLU-Pro's own script has the same order but only reads capitals. Here a small letter is read if it cannot be a word or
a symbol: ``answer: b``, ``(b)``, ``**b**``, ``b)`` before a line, a line of its own.

A text without any letter is a wrong answer; unlike in that script, none is drawn at random.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from infraray.answers import split_thoughts

Level = Literal["stated", "isolated", "last"]

_OPEN = r"(?:\\boxed\{|\\text(?:bf)?\{|\\mathrm\{|[(\[{`\"'*_])"
_CLOSE = r"[)\]}`\"'*_]"
_ENDS = rf"(?={_CLOSE}*+[ \t]*(?:$|</|[.,;:!?](?![A-Za-z0-9])))"
"""What may follow a small letter that is not a word: "the answer is a matter of taste" states nothing."""

_LETTER = (
    r"[\s:*_]*(?:(?:option|choice|letter)[\s*_]+)?"
    rf"(?:{_OPEN}*([A-J])(?![A-Za-z0-9])|{_OPEN}+([a-j])(?={_CLOSE})|([a-j]){_ENDS})"
)
_STATED = tuple(re.compile(rf"(?i:\banswer{mark})" + _LETTER, re.MULTILINE) for mark in (r"\s+is\b", r"(?:[\s*_]*:|>)"))
_ISOLATED = re.compile(r"(?<![A-Za-z0-9'])[A-J](?![A-Za-z0-9'])")
_PRONOUN = re.compile(r"(?<![A-Za-z0-9'])I(?= [a-z])")
_SMALL = re.compile(
    rf"(?<![A-Za-z0-9'{{\\])(?:{_OPEN}+([a-j]){_CLOSE}+(?![A-Za-z0-9])"
    rf"|(?i:option|choice|letter)[ \t*_]+([a-j]){_ENDS}"
    rf"|^[ \t]*([a-j])(?:[.):](?=\s|$)|[ \t]*$))",
    re.MULTILINE,
)
_CAPITAL = re.compile(r"[A-J]")


@dataclass(frozen=True)
class Extraction:
    """An answer and how it was found."""

    letter: str
    level: Level


def extract_answer(text: str) -> Extraction | None:
    """The answer in ``text``, ignoring thoughts; None if there is none."""
    text, _ = split_thoughts(text)
    for pattern in _STATED:
        stated = pattern.search(text)
        if stated:
            return Extraction(_letter(stated), "stated")
    isolated: list[str] = _ISOLATED.findall(text)
    if len(isolated) == len(_PRONOUN.findall(text)):
        isolated = [_letter(found) for found in _SMALL.finditer(text)] or isolated
    if len(set(isolated)) == 1:
        return Extraction(isolated[0], "isolated")
    found = isolated or _CAPITAL.findall(text)
    return Extraction(found[-1], "last") if found else None


def _letter(found: re.Match[str]) -> str:
    return next(group for group in found.groups() if group is not None).upper()
