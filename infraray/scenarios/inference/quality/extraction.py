"""The letter that a model's text answers with, found on three levels (InferenceBench, appendix C.1).

1. ``stated``: "the answer is (X)", "answer is X" or "Answer: X", in any case and through Markdown.
   The first one counts: what a model goes on to write are often questions of its own.
2. ``isolated``: the only letter from A to J that stands by itself.
3. ``last``: the last letter that stands by itself, else the last capital from A to J.

A text without any is a wrong answer; none is drawn by lot, as MMLU-Pro's own script does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Level = Literal["stated", "isolated", "last"]

# The words in any case, the letter as a capital: "the answer is a matter of taste" states nothing.
_STATED = re.compile(
    r"(?i:\banswer(?:\s+is\b|[\s*_]*:))[\s:*_]*(?:\\boxed\{|\\text\{|[(\[{`\"'])*([A-J])(?![A-Za-z0-9])"
)
_ISOLATED = re.compile(r"(?<![A-Za-z0-9'])[A-J](?![A-Za-z0-9'])")
_CAPITAL = re.compile(r"[A-J]")


@dataclass(frozen=True)
class Extraction:
    """An answer and how it was found."""

    letter: str
    level: Level


def extract_answer(text: str) -> Extraction | None:
    """The answer in ``text``, None where there is none."""
    stated = _STATED.search(text)
    if stated:
        return Extraction(stated[1], "stated")
    isolated: list[str] = _ISOLATED.findall(text)
    if len(set(isolated)) == 1:
        return Extraction(isolated[0], "isolated")
    found = isolated or _CAPITAL.findall(text)
    return Extraction(found[-1], "last") if found else None
