"""Marked answers: a line that begins with "Answer:" or "Action:", a call like "Finish[2]", a tag, a box."""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST_CALL = 4000
"""Characters between a call's brackets."""

# Everything is taken for good (*+) or bounded, so that no long answer makes the search quadratic.
_LINE = re.compile(
    r"(?:^|(?<=[.!?;] ))[ \t>#*_`~•+-]*+(?:\d{1,3}[.)][ \t]++)?"
    r"(?:(?:so|thus|hence|therefore|my|the|your|this)[ ,\t]++)*+(?:(?:final|chosen|best|last)[ \t]++)?"
    r"(?P<kind>answer|action|choice|decision)(?:[ \t]*+(?:\#|no\.)?[ \t]*+\d{1,4}(?!\w))?"
    r"[ \t]*+[*_`\"]*+[ \t]*+(?:[:\uff1a]|=(?!=)|->|=>|→)[ \t]*+(?:[*_`]*+[ \t]++)?",
    re.IGNORECASE | re.MULTILINE,
)
_CALL = re.compile(r"^[ \t>#*_`~•+-]*+(?P<kind>answer|finish|final_answer)(?=[ \t]?\[)", re.IGNORECASE | re.MULTILINE)
_IS = re.compile(
    r"\b(?:my|the|final)[ \t]++(?:(?:final|best|chosen)[ \t]++)?(?P<kind>answer|action|choice|decision)[ \t]++is\b"
    r"[ \t:]*+",
    re.IGNORECASE,
)
_TAG = re.compile(r"<(?P<kind>answer|final_answer|final|action)>(?P<inside>[^<]{0,4000})</(?P=kind)>", re.IGNORECASE)
_BOX = re.compile(r"\\(?P<kind>boxed)\s{0,4}\{(?P<inside>[^{}\n]{0,200}+(?:\{[^{}\n]{0,200}+\}[^{}\n]{0,200}+)?+)\}")
_NAME = re.compile(r"[*_`\"]{0,4}([A-Za-z]\w{0,60})[ \t]?\[")

_ANSWERS = {"finish": "answer", "final_answer": "answer", "final": "answer", "boxed": "answer"}


@dataclass(frozen=True)
class Mark:
    """A mark and what it marks.

    Args:
        kind: answer, action, choice or decision.
        value: the rest of its line, or what stands in its brackets.
        name: the name before the brackets, in lower case, where the value is a call.
        is_closed: whether the call's bracket is closed, or the line has ended.
        is_far: whether the value stands on a later line than the mark, whose own line is empty.
        end: the character after the value.
    """

    kind: str
    value: str
    name: str | None
    is_closed: bool
    is_far: bool
    end: int


def find_marks(text: str) -> list[Mark]:
    """The marks of a text in their order; "the answer is" marks only where nothing else does."""
    found = [(match.start(), match) for pattern in (_LINE, _CALL, _TAG, _BOX) for match in pattern.finditer(text)]
    if not found:
        found = [(match.start(), match) for match in _IS.finditer(text)]
    marks: list[Mark] = []
    for start, match in sorted(found, key=lambda each: each[0]):
        if not marks or start >= marks[-1].end:
            marks.append(_mark(text, match))
    return marks


def _mark(text: str, match: re.Match[str]) -> Mark:
    kind = match["kind"].lower()
    kind = _ANSWERS.get(kind, kind)
    if "inside" in match.re.groupindex:
        return Mark(kind, match["inside"], None, True, False, match.end())
    start = match.end() if match.re is not _CALL else match.start("kind")
    if (name := _NAME.match(text, start)) is not None:
        end, is_closed = _end_of_brackets(text, name.end())
        return Mark(kind, text[name.end() : end - is_closed], name[1].lower(), is_closed, False, end)
    line_end = _line_end(text, start)
    is_far = not text[start:line_end].strip(" \t*_`\"'")
    if is_far and (begin := _NOT_BLANK.search(text, line_end)) is not None:
        fence = _FENCED.match(text, begin.start())
        start, line_end = begin.start(), fence.end() if fence else _line_end(text, begin.start())
    value = text[start:line_end] if is_far else _without_closing(text[start:line_end].strip(), match[0])
    return Mark(kind, value, None, line_end < len(text), is_far, line_end)


def _without_closing(value: str, mark: str) -> str:
    """A value without the end of an emphasis that began before its mark: ``**Answer: 2**``."""
    for sign in ("**", "__", "*", "_", "`"):
        if mark.count(sign) % 2 and value.count(sign) % 2 and value.endswith(sign):
            return value.removesuffix(sign)
    return value


_NOT_BLANK = re.compile(r"\S")
_FENCED = re.compile(r"`{3}[^`]{0,4000}`{3}")


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def _end_of_brackets(text: str, start: int) -> tuple[int, bool]:
    """The character after the bracket that closes the one before ``start``, else the end of the line."""
    depth = 1
    for token in _BRACKETS.finditer(text, start, start + LONGEST_CALL):
        depth += 1 if token[0] == "[" else -1
        if depth == 0:
            return token.end(), True
    return _line_end(text, start), False


_BRACKETS = re.compile(r"[\[\]]")
