"""The outermost whole JSON objects in a text.

Near-JSON that models write is read too: line breaks within strings, Python's quotes and constants,
keys without quotes, trailing commas, comments. An object that begins but is not whole is distinguished
from mere braces: nothing inside it may pass for the answer.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from infraray.errors import InvalidAction

MOST_SCANNED = 2_000_000
"""The most characters examined in search of objects, over all beginnings: no text takes longer."""

MOST_OBJECTS = 1000

LONGEST_NUMBER = 30
"""The most digits of a whole number that is read as such; a longer one is infinite for every scenario."""


class JsonObject(dict[str, Any]):
    """An object's own keys and values, and the keys that appear in it more than once."""

    repeated: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """An object and its position.

    Args:
        start: the position of its first character.
        end: the position after its last character.
        content: its keys and values; None if it begins like an object but is not whole.
    """

    start: int
    end: int
    content: JsonObject | None


def find_objects(text: str) -> list[Found]:
    """The outermost objects, in order.

    Raises:
        InvalidAction: the text is nested too deeply, or has too many braces to be looked through.
    """
    try:
        return list(_objects(text))
    except RecursionError:
        raise InvalidAction("the answer's JSON is nested too deeply") from None


def _objects(text: str) -> Iterator[Found]:
    position = scanned = attempts = 0
    while (begins := _BEGINNING.search(text, position)) is not None:
        attempts += 1
        if scanned > MOST_SCANNED or attempts > MOST_OBJECTS:
            raise InvalidAction("the answer holds more braces than can be looked through")
        start = begins.start()
        try:
            content, position = _DECODER.raw_decode(text, start)
        except ValueError as error:
            scanned += getattr(error, "pos", len(text)) - start
        else:
            yield Found(start, position, content)
            continue
        # An incomplete object is skipped with everything inside it; without an end, that is the rest of the text.
        closed = _end_of_braces(text, start)
        position = closed if closed is not None else len(text)
        scanned += position - start
        yield Found(start, position, _read_loosely(text[start:position]) if closed is not None else None)


def _members(pairs: list[tuple[str, Any]]) -> JsonObject:
    made = JsonObject(pairs)
    if len(made) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        made.repeated = tuple(name for name, count in counts.items() if count > 1)
    return made


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= LONGEST_NUMBER else float("-inf" if digits.startswith("-") else "inf")


_DECODER = json.JSONDecoder(strict=False, object_pairs_hook=_members, parse_int=_whole_number)
_BEGINNING = re.compile(
    r"""\{\s{0,200}+(?:(?:"(?:[^"\\]|\\.){0,1000}+"|'(?:[^'\\\n]|\\.){0,1000}+'|\w{1,100}+)\s{0,20}+:|\})""", re.DOTALL
)
_COMMENT = r"//[^\n]*+|/\*[^*]{0,300}+\*/|(?<=[\s,{\[])\#[^\n]*+"
_STRUCTURE = re.compile(rf"""[{{}}]|{_COMMENT}|"(?:[^"\\]|\\.)*+"|'(?:[^'\\\n]|\\.)*+'""", re.DOTALL)


def _end_of_braces(text: str, start: int) -> int | None:
    """The position after the brace that closes the one at ``start``; None if none does."""
    depth = 0
    for token in _STRUCTURE.finditer(text, start):
        if token[0] == "{":
            depth += 1
        elif token[0] == "}":
            depth -= 1
            if depth == 0:
                return token.end()
    return None


_LOOSE = re.compile(
    rf"""(?P<comment>{_COMMENT})|"""
    r"""(?P<double>"(?:[^"\\]|\\.)*+")|'(?P<single>(?:[^'\\]|\\.)*+)'|\b(?P<key>[A-Za-z_]\w*+)(?=\s{0,20}:)|"""
    r"""\b(?P<constant>True|False|None)\b|"""
    rf"""(?P<comma>,)(?=(?:\s|{_COMMENT}){{0,200}}[}}\]])""",
    re.DOTALL,
)
_CONSTANTS = {"True": "true", "False": "false", "None": "null"}


def _read_loosely(text: str) -> JsonObject | None:
    """An object in the notation of Python or JavaScript."""

    def as_json(token: re.Match[str]) -> str:
        if token["double"] is not None:
            return re.sub(r"(\\\\)|\\'", lambda escape: escape[1] or "'", token["double"])
        if token["single"] is not None:
            return json.dumps(token["single"].replace("\\'", "'"))
        if token["key"] is not None:
            return json.dumps(token["key"])
        return _CONSTANTS[token["constant"]] if token["constant"] else ""

    try:
        content, _ = _DECODER.raw_decode(_LOOSE.sub(as_json, text))
    except ValueError:
        return None
    return content if isinstance(content, JsonObject) else None
