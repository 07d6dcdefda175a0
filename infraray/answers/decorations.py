"""The one set of decorations that a bare value may wear: quotes, brackets, Markdown, LaTeX, tags, calls."""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST_VALUE = 400
"""Characters of a bare value with its decorations; what is longer is prose."""

_PAIRS = (
    ("**", "**"),
    ("__", "__"),
    ("*", "*"),
    ("_", "_"),
    ("~~", "~~"),
    ("```", "```"),
    ("``", "``"),
    ("`", "`"),
    ('"', '"'),
    ("'", "'"),
    ("“", "”"),
    ("„", "“"),
    ("\u2018", "\u2019"),
    ("«", "»"),
    ("$$", "$$"),
    ("$", "$"),
    (r"\(", r"\)"),
    (r"\[", r"\]"),
    ("(", ")"),
    ("[", "]"),
    ("{", "}"),
    ("<", ">"),
)
_FENCE = re.compile(r"(`{3,6}|~{3,6})[ \t]*\w{0,20}[ \t]*\n(.*?)\n?[ \t]*\1", re.DOTALL)
_COMMAND = re.compile(r"\\(?:boxed|fbox|text(?:bf|it|tt|rm)?|math(?:bf|it|tt|rm))\s{0,4}\{(.*)\}", re.DOTALL)
_TAG = re.compile(r"<(\w{1,30})(?:\s[^<>]{0,80})?>(.*)</\1\s{0,4}>", re.DOTALL)
_CALL = re.compile(
    r"(?:answer|finish|final_answer|submit|act|action)\s?(?:\[(.*)\]|\((.*)\))", re.DOTALL | re.IGNORECASE
)
_BULLET = re.compile(r"(?:[-*+•>→⇒]|->|=>|#{1,6})[ \t]+(.*)", re.DOTALL)
_WORDS_IN_LATEX = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\{([^{}]*)\}")
_STOP = re.compile(r"(.*\S)\s*(?:[.!。]|,|;)", re.DOTALL)


def layers(text: str) -> Iterator[str]:
    """A text, then what is left of it as one decoration after the other comes off, the outermost first."""
    bare = text.strip()
    if len(bare) > LONGEST_VALUE:
        return
    while bare:
        yield bare
        inside = _without_one(bare).strip()
        if inside == bare:
            return
        bare = inside


def _without_one(text: str) -> str:
    for pattern in (_FENCE, _COMMAND, _TAG, _CALL, _BULLET):
        if (match := pattern.fullmatch(text)) is not None:
            return str(next(group for group in reversed(match.groups()) if group is not None))
    for opening, closing in _PAIRS:
        if len(text) > len(opening) + len(closing) and text.startswith(opening) and text.endswith(closing):
            return text[len(opening) : -len(closing)]
    stopped = _STOP.fullmatch(text)
    return stopped[1] if stopped is not None else _WORDS_IN_LATEX.sub(r"\1", text)
