"""One multiple-choice question in the form of MMLU-Pro."""

from __future__ import annotations

from dataclasses import dataclass

LETTERS = "ABCDEFGHIJ"


@dataclass(frozen=True)
class Question:
    """A question with up to ten options.

    Args:
        question_id: unique within its set.
        question: the text.
        options: two to ten answers, lettered from A.
        answer: the right one's letter.
        category: the subject; subsets are stratified by it.
    """

    question_id: int
    question: str
    options: tuple[str, ...]
    answer: str
    category: str
