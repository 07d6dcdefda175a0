"""What one server answered to a subset of questions."""

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
        question_id: which one.
        correct: whether it is the right one; False where there is none.
        letter: what was answered, None where no letter was found in the text.
        level: how the letter was found.
        failure: why there is no text, None where there is one.
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
        quiz: hash of everything that was asked and how; two results of one quiz may be compared.
        answers: one a question.
    """

    quiz: str
    answers: tuple[QuizAnswer, ...]

    @property
    def asked(self) -> int:
        """How many questions there are."""
        return len(self.answers)

    @property
    def correct(self) -> int:
        """How many were answered rightly."""
        return sum(answer.correct for answer in self.answers)

    @property
    def failures(self) -> Counter[str]:
        """How often a question got no text, by reason."""
        return Counter(answer.failure for answer in self.answers if answer.failure is not None)

    @property
    def levels(self) -> Counter[Level | None]:
        """How often a letter was found on each level; None counts texts without one."""
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
        """Whether every question got a text, and there were questions."""
        return bool(self.answers) and not self.failures

    @property
    def accuracy(self) -> float:
        """Right answers over questions asked, NaN without questions."""
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
