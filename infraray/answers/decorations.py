"""The decorations that a bare value may have: quotes, brackets, Markdown, LaTeX, tags, calls."""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST_VALUE = 400
"""The most characters in a bare value with its decorations; anything longer is prose."""

_PAIRS = (
    ("**", "**"),
    ("__", "__"),
    ("*", "*"),
    ("_", "_"),
    ("==", "=="),
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
    ("\u2039", "\u203a"),
    ("⟨", "⟩"),
    ("\uff08", "\uff09"),
    ("\uff3b", "\uff3d"),
    ("「", "」"),
    ("『", "』"),
    ("【", "】"),
    ("《", "》"),
    ("||", "||"),
    ("|", "|"),
)
_FENCE = re.compile(r"(`{3,6}|~{3,6})[ \t]*\w{0,20}[ \t]*\n(.*?)\n?[ \t]*\1", re.DOTALL)
_COMMAND = re.compile(r"\\(?:boxed|fbox|text(?:bf|it|tt|rm)?|math(?:bf|it|tt|rm))\s{0,4}\{(.*)\}", re.DOTALL)
_TAG = re.compile(
    r"<(answer|final_answer|final|action|choice|decision|output|response|result|act|tool_call|function_calls|invoke|"
    r"function|tool|json|code|pre|p|div|span|b|i|em|strong|u|mark|root|arguments|parameters)"
    r"(?:[\s=][^<>]{0,80})?>(.*)</\1\s{0,4}>",
    re.DOTALL | re.IGNORECASE,
)
_NAMED_TAG = re.compile(
    r"<(?:parameter|argument|arg|param)(?:=|\s{1,4}name\s?=)\s?[\"']?(?P<name>[\w-]{1,60})[\"']?\s{0,4}>(?P<inside>.*)"
    r"</(?:parameter|argument|arg|param)\s{0,4}>|<(?P<tag>\w{1,60})>(?P<content>.*)</(?P=tag)\s{0,4}>",
    re.DOTALL | re.IGNORECASE,
)
_BOUND = re.compile(r"\s{0,4}(?:[<>]=?|[≤≥≈~±])\s{0,4}[+-]?\d(?![^<>]{0,40}>)")
_CALL = re.compile(
    r"(?:answer|finish|final_answer|submit|act|action)\s?(?:\[(.*)\]|\((.*)\))", re.DOTALL | re.IGNORECASE
)
_BULLET = re.compile(r"(?:[-*+•>→⇒]|->|=>|#{1,6})[ \t]+(.*)", re.DOTALL)
_WORDS_IN_LATEX = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\{([^{}]*)\}")
_STOP = re.compile(r"(.*\S)\s*(?:[.!。]|,|;)", re.DOTALL)


def named_tag(text: str) -> tuple[str, str] | None:
    """The name and the content of a tag that names its content: ``<server>2</server>``, ``<parameter=server>``."""
    match = _NAMED_TAG.fullmatch(text)
    if match is None:
        return None
    return match["name"] or match["tag"], match["inside"] if match["name"] else match["content"]


def is_bounded(text: str) -> bool:
    """Whether a text is a bound rather than a value: ``> 2``."""
    return _BOUND.match(text) is not None


def layers(text: str) -> Iterator[str]:
    """Yields a text, then what is left as one decoration after the other comes off, outermost first."""
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
