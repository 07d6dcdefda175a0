"""Fenced code in an answer, as Markdown has it and as models write it."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Possessive (*+), so that no long line makes the search quadratic.
_OPENING = re.compile(
    r"(?P<indent>[ \t]*+)(?P<before>[^`~\n]{0,200}?)(?P<fence>`{3,}+|~{3,}+)[ \t]*+(?P<language>[\w+#.-]*+)[ \t]*+"
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
    wrappers = 0
    content: list[str] = []
    left = text.split("\n")[::-1]
    while left:
        line = left.pop()
        opens = _OPENING.fullmatch(line)
        if opening is None:
            if wrappers and opens is not None and not opens["language"]:
                wrappers -= 1
                continue
            opening, content = opens, []
            parts.append(f"{line}\n" if opens is None else opens["before"])
        elif (closing := _closes(line, opening["fence"])) is not None:
            parts.append(_fence(opening, content))
            left.append(line[closing.end("fence") :])  # words may follow, and even another block
            opening = None
        elif not content and opens is not None and opens["language"]:
            opening = opens  # a block that holds nothing but another one
            wrappers += 1
        else:
            content.append(line)
    if opening is not None:
        # A model that ran out of tokens, or that closes the block at the end of its last line.
        parts.append(_fence(opening, "\n".join(content).rstrip().removesuffix(opening["fence"]).split("\n")))
    return parts


def fenced(content: str, language: str) -> str:
    """A block that `find_fences` reads back: its fence is longer than any in the content."""
    longest = max((len(run) for run in re.findall(r"`{3,}", content)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{content}\n{fence}"


def _closes(line: str, fence: str) -> re.Match[str] | None:
    closing = _CLOSING.match(line)
    return closing if closing is not None and closing["fence"].startswith(fence) else None


def _fence(opening: re.Match[str], lines: list[str]) -> Fence:
    """A block; the indentation of its opening is no part of the lines where all have it."""
    indent = opening["indent"]
    if all(line.startswith(indent) for line in lines if line.strip()):
        lines = [line.removeprefix(indent) for line in lines]
    return Fence(opening["language"].lower(), "\n".join(lines))
