"""Chain of thought: reason first, then answer (Wei et al., 2022)."""

from __future__ import annotations

from infraray.agents.chat.strategies.strategy import NO_ANSWER, Strategy
from infraray.answers.marks import find_marks


class ChainOfThought(Strategy):
    """Asks for a line that begins with "Answer:", which is what the environment reads."""

    def instruction(self) -> str:
        """Reasoning, then a marked line."""
        return (
            "At each step you are told the state. Think step by step, briefly, about what each choice would lead to. "
            'Then end with one line of the form "Answer: " and your action.'
        )

    def extract_cut(self, text: str) -> str:
        """The text after the last mark, if its line is complete."""
        return text_after_mark(text, is_cut=True)


def text_after_mark(text: str, is_cut: bool = False) -> str:
    """The text after the last "Answer:", or else the whole text; if it was cut off, only what is known to be whole."""
    marks = [mark for mark in find_marks(text) if mark.kind == "answer"]
    if not is_cut:
        return marks[-1].value.strip() if marks else text
    return marks[-1].value.strip() if marks and marks[-1].is_closed else NO_ANSWER
