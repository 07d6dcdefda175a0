"""One server's answers to a subset of questions."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

from infraray.scenarios.inference.quality.extraction import Level

Z = 1.959963984540054
"""The normal distribution's 0.975 quantile."""


@dataclass(frozen=True)
class QuizAnswer:
    """The answer to one question.

    Args:
        question_id: the question.
        correct: whether it is right; False if there is no answer.
        letter: the answer, None if no letter was found in the text.
        level: how the letter was found.
        failure: why there is no text, None if there is one.
    """

    question_id: int
    correct: bool
    letter: str | None = None
    level: Level | None = None
    failure: str | None = None


@dataclass(frozen=True)
class QuizAnswers:
    """All answers of one server, in the questions' order.

    Args:
        quiz: hash of everything that was asked and how; only results of the same quiz may be compared.
        answers: one per question.
    """

    quiz: str
    answers: tuple[QuizAnswer, ...]

    @property
    def asked(self) -> int:
        """The number of questions."""
        return len(self.answers)

    @property
    def correct(self) -> int:
        """The number of correct answers."""
        return sum(answer.correct for answer in self.answers)

    @property
    def failures(self) -> Counter[str]:
        """The number of questions without a text, by reason."""
        return Counter(answer.failure for answer in self.answers if answer.failure is not None)

    @property
    def levels(self) -> Counter[Level | None]:
        """The number of letters found on each level; None counts texts without one."""
        return Counter(answer.level for answer in self.answers if answer.failure is None)

    def to_json(self) -> dict[str, Any]:
        """The counts as plain data; ``letters`` by how they were found in the text."""
        return {
            "quiz": self.quiz,
            "asked": self.asked,
            "correct": self.correct,
            "letters": {level or "none": count for level, count in self.levels.most_common()},
            "failures": dict(self.failures),
        }

    @property
    def complete(self) -> bool:
        """Whether there were questions and every one got a text."""
        return bool(self.answers) and not self.failures

    @property
    def accuracy(self) -> float:
        """Share of correct answers, NaN without questions."""
        return self.correct / self.asked if self.answers else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of the accuracy (JASA 22, 1927), (NaN, NaN) without questions."""
        if not self.answers:
            return math.nan, math.nan
        n, p = self.asked, self.accuracy
        centre = p + Z**2 / (2 * n)
        half = Z * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
        shrink = 1 + Z**2 / n
        return max(0.0, (centre - half) / shrink), min(1.0, (centre + half) / shrink)
