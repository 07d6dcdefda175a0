"""Fenced code in an answer, as Markdown has it and as models write it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_OPENING = re.compile(
    r"(?P<indent>[ \t]*)(?P<before>[^`~\n]{0,200}?)(?P<fence>`{3,}|~{3,})[ \t]*(?P<language>[\w+#.-]*)[ \t]*"
)
_CLOSING = re.compile(r"[ \t]*(?P<fence>`{3,}|~{3,})(?![\w+#.-]*\w[ \t]*$)")
"""Any fence at a line's beginning but one that a language follows: that one would open a block within the block."""
_PYTHON = ("python", "py", "python3", "ipython", "tool_code")


@dataclass(frozen=True)
class Fence:
    """A block between fences.

    Args:
        language: what its opening says, in lower case; empty where it says nothing.
        content: its lines, without the indentation that the opening has.
    """

    language: str
    content: str

    @property
    def is_python(self) -> bool:
        """Whether it says that it is Python."""
        return self.language in _PYTHON


def find_fences(text: str) -> list[Fence]:
    """All fenced blocks in their order; where nothing closes the last one, it ends with the text.

    Words may stand before an opening fence ("Answer: ```python"), and words behind a closing one.
    """
    return [part for part in split_fences(text) if isinstance(part, Fence)]


def split_fences(text: str) -> list[str | Fence]:
    """A text as the blocks in it and what stands before, between and behind them."""
    parts: list[str | Fence] = []
    opening: re.Match[str] | None = None
    content: list[str] = []
    left = text.split("\n")[::-1]
    while left:
        line = left.pop()
        if opening is None:
            opening = _OPENING.fullmatch(line)
            content = []
            parts.append(f"{line}\n" if opening is None else opening["before"])
        elif (closing := _closes(line, opening["fence"])) is not None:
            parts.append(Fence(opening["language"].lower(), "\n".join(content)))
            left.append(line[closing.end("fence") :])  # words may follow, and even another block
            opening = None
        else:
            content.append(_without(line, opening["indent"]))
    if opening is not None:
        # A model that ran out of tokens, or that closes the block at the end of its last line.
        ending = "\n".join(content).rstrip().removesuffix(opening["fence"])
        parts.append(Fence(opening["language"].lower(), ending))
    return parts


def fenced(content: str, language: str) -> str:
    """A block that `find_fences` reads back: its fence is longer than any in the content."""
    longest = max((len(run) for run in re.findall(r"`{3,}", content)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{content}\n{fence}"


def _closes(line: str, fence: str) -> re.Match[str] | None:
    closing = _CLOSING.match(line)
    return closing if closing is not None and closing["fence"].startswith(fence) else None


def _without(line: str, indent: str) -> str:
    return line.removeprefix(indent) if indent else line
