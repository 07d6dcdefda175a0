"""Chain of thought: reason first, then answer (Wei et al., 2022)."""

from __future__ import annotations

import re

from infraray.agents.chat.strategies.strategy import NO_ANSWER, Strategy

# What stands before a mark is taken for good (*+) and ends with its line, so that blank lines do not make it quadratic.
_ANSWER = re.compile(r"^[ \t*_#>]*+(?:final[ \t]++)?answer[ \t*_]*+:[\s*_]*+", re.IGNORECASE | re.MULTILINE)


class ChainOfThought(Strategy):
    """Takes what follows the last line that begins with "Answer:"; without one, the whole text."""

    def instruction(self) -> str:
        """Reasoning, then a marked line."""
        return (
            "At each step you are told the state. Think step by step, briefly, about what each choice would lead to. "
            'Then end with one line of the form "Answer: " and your action.'
        )

    def extract(self, text: str) -> str:
        """What follows the last mark."""
        return text_after_mark(text)

    def extract_cut(self, text: str) -> str:
        """What follows the last mark, if its line had ended."""
        return text_after_mark(text, is_cut=True)


def text_after_mark(text: str, is_cut: bool = False) -> str:
    """What follows the last line that begins with "Answer:", else the whole text.

    In a text that was cut off only the rest of that line counts, and only if the line had ended.
    """
    marks = list(_ANSWER.finditer(text))
    if not is_cut:
        return text[marks[-1].end() :].strip() if marks else text
    value, ended, _ = text[marks[-1].end() :].partition("\n") if marks else ("", "", "")
    return value.strip() if ended else NO_ANSWER
