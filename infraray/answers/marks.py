"""Marked answers: a line that begins with "Answer:" or "Action:", a call like "Finish[2]", a tag, a box."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

LONGEST_CALL = 4000
"""The most characters between a call's brackets."""

_ELSEWHERE = (
    "antwort|réponse|respuesta|resposta|risposta|antwoord|svar|odpowiedź|cevap|ответ|答案|回答|答え|정답|답|الجواب|उत्तर"
)
"""What "answer" is called in other languages."""

# Everything is possessive (*+) or bounded, so that no long answer makes the search quadratic.
_LINE = re.compile(
    r"(?:^|(?<=[.!?;] ))[ \t>#*_`~•+-]*+(?:\d{1,3}[.)][ \t]++)?"
    r"(?>(?:(?:so|thus|hence|therefore|my|the|your|this)[ ,\t]++)*)(?:(?:final|chosen|best|last)[ \t]++|最终|最后)?"
    rf"(?P<kind>answer|action|choice|decision|{_ELSEWHERE})(?:[ _]input)?(?:[ \t]*+(?:\#|no\.)?[ \t]*+\d{{1,4}}(?!\w))?"
    r"[ \t]*+[*_`\"]*+[ \t]*+(?:[:\uff1a]|=(?!=)|->|=>|→|(?<=案)[是为])[ \t]*+(?:[*_`]*+[ \t]++)?",
    re.IGNORECASE | re.MULTILINE,
)
_CALL = re.compile(r"^[ \t>#*_`~•+-]*+(?P<kind>answer|finish|final_answer)(?=[ \t]?\[)", re.IGNORECASE | re.MULTILINE)
_INLINE = re.compile(
    r"\b(?P<kind>answer|action)(?: \d{1,4})?[ \t]?:[ \t]?(?=(?:answer|finish|final_answer)[ \t]?\[)", re.IGNORECASE
)
_IS = re.compile(
    r"\b(?:my|the|final)[ \t]++(?:(?:final|best|chosen)[ \t]++)?(?P<kind>answer|action|choice|decision)[ \t]++is\b"
    r"[ \t:]*+",
    re.IGNORECASE,
)
_WITHIN = re.compile(r"\b(?P<kind>answer|action|choice|decision)[ \t]?:[ \t]?", re.IGNORECASE)
_TAG = re.compile(r"<(?P<kind>answer|final_answer|final|action)>(?P<inside>[^<]{0,4000})</(?P=kind)>", re.IGNORECASE)
_BOX = re.compile(r"\\(?P<kind>boxed)\s{0,4}\{(?P<inside>[^{}\n]{0,200}+(?>(?:\{[^{}\n]{0,200}+\}[^{}\n]{0,200}+)?))\}")
_NAME = re.compile(r"[*_`\"]{0,4}([A-Za-z]\w{0,60})[ \t]?\[")

_ANSWERS = dict.fromkeys(("finish", "final_answer", "final", "boxed", *_ELSEWHERE.split("|")), "answer")


@dataclass(frozen=True)
class Mark:
    """A mark and what it marks.

    Args:
        kind: answer, action, choice or decision.
        value: the rest of its line, or the text in its brackets.
        name: the name before the brackets, in lower case, if the value is a call.
        is_closed: whether the call's bracket is closed, or the line has ended.
        is_far: whether the value is on a later line than the mark, whose own line is empty.
        end: the position after the value.
    """

    kind: str
    value: str
    name: str | None
    is_closed: bool
    is_far: bool
    end: int


def find_marks(text: str, labels: tuple[str, ...] = ()) -> list[Mark]:
    """The marks in a text, in order; ``labels`` and "the answer is" count only if nothing else marks an answer.

    Args:
        text: what was said.
        labels: names that begin a marked line; the whole line is then the value.
    """
    found = [match for pattern in (_LINE, _CALL, _INLINE, _TAG, _BOX) for match in pattern.finditer(text)]
    found = found or [*_IS.finditer(text), *(_labelled(labels).finditer(text) if labels else ())]
    marks: list[Mark] = []
    for match in sorted(found, key=lambda each: each.start()):
        if not marks or match.start() >= marks[-1].end:
            marks.append(_mark(text, match))
    return marks


def find_corrections(text: str, start: int) -> list[Mark]:
    """Marks within lines from ``start`` on: "Wait, actually answer: 3", "No, the answer is 3"."""
    return [_mark(text, match) for pattern in (_WITHIN, _IS) for match in pattern.finditer(text, start)]


@lru_cache(maxsize=256)
def _labelled(labels: tuple[str, ...]) -> re.Pattern[str]:
    names = "|".join(re.escape(label).replace("_", "[ _-]?") for label in labels)
    return re.compile(
        rf"^[ \t>#*_`~\"•+-]*+(?P<kind>(?P<label>{names}))[ \t]*+[*_`\"]*+[ \t]*+(?:[:\uff1a]|=(?!=))[ \t]*+",
        re.IGNORECASE | re.MULTILINE,
    )


def _mark(text: str, match: re.Match[str]) -> Mark:
    kind = match["kind"].lower()
    kind = _ANSWERS.get(kind, kind)
    if "inside" in match.re.groupindex:
        return Mark(kind, match["inside"], None, True, False, match.end())
    # In a call or after a label, the name is part of the value.
    start = match.start("kind") if match.re is _CALL or match.re.groups == 2 else match.end()
    if (name := _NAME.match(text, start)) is not None:
        end, is_closed = _end_of_brackets(text, name.end())
        return Mark(kind, text[name.end() : end - is_closed], name[1].lower(), is_closed, False, end)
    if (fence := _FENCED.match(text, start)) is not None:
        return Mark(kind, fence[0], None, True, False, fence.end())
    line_end = _line_end(text, start)
    is_far = not text[start:line_end].strip(" \t*_`\"'")
    if is_far and (begin := _NOT_BLANK.search(text, line_end)) is not None:
        fence = _FENCED.match(text, begin.start())
        start, line_end = begin.start(), fence.end() if fence else _line_end(text, begin.start())
    value = text[start:line_end] if is_far else _without_closing(text[start:line_end].strip(), match[0])
    return Mark(kind, value, None, line_end < len(text), is_far, line_end)


def _without_closing(value: str, mark: str) -> str:
    """A value without the end of emphasis that began before its mark: ``**Answer: 2**``."""
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
    """The position after the bracket that closes the one before ``start``, or else the end of the line."""
    depth = 1
    for token in _BRACKETS.finditer(text, start, start + LONGEST_CALL):
        depth += 1 if token[0] == "[" else -1
        if depth == 0:
            return token.end(), True
    return _line_end(text, start), False


_BRACKETS = re.compile(r"[\[\]]")
