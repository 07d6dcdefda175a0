"""The quality gate: a server passes if it is nearly as accurate as the reference.

It passes iff accuracy >= tau * accuracy of the reference, on the same questions asked in the same
way (InferenceBench, section 3.3: tau = 0.95). A check that is missing, incomplete or made with other questions never
passes, nor does one against a reference without a correct answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from infraray.scenarios.inference.quality.answers import QuizAnswers

TAU = Fraction(95, 100)
"""An exact fraction: 19 of 20 correct answers against 20 of 20 pass."""


@dataclass(frozen=True)
class QualityResult:
    """The gate's decision.

    Args:
        answers: those of the server under test; None if it was not asked.
        reference: those of the reference server; None if it was not asked.
    """

    answers: QuizAnswers | None
    reference: QuizAnswers | None

    @property
    def passed(self) -> bool:
        """Whether the server passed."""
        return self._obstacle() is None and self._accurate_enough()

    @property
    def too_inaccurate(self) -> bool:
        """Whether the check was possible and the server failed it."""
        return self._obstacle() is None and not self._accurate_enough()

    @property
    def changed(self) -> int | None:
        """The number of letters that differ from the reference's, None without a comparison."""
        if self.answers is None or self.reference is None or self.answers.quiz != self.reference.quiz:
            return None
        pairs = zip(self.answers.answers, self.reference.answers, strict=True)
        return sum(mine.letter != theirs.letter for mine, theirs in pairs)

    @property
    def reason(self) -> str:
        """The decision in one sentence."""
        obstacle = self._obstacle()
        if obstacle is not None:
            return obstacle
        assert self.answers is not None and self.reference is not None
        low, high = self.answers.interval
        return (
            f"{self.answers.correct} of {self.answers.asked} right "
            f"(95 % interval {low:.1%} to {high:.1%}), the reference {self.reference.correct}; "
            f"{'at least' if self._accurate_enough() else 'less than'} {float(TAU):g} of the reference, "
            f"{self.changed} letters changed"
        )

    def to_json(self) -> dict[str, Any]:
        """The decision and the counts of each server's answers, as plain data."""
        return {
            "passed": self.passed,
            "too_inaccurate": self.too_inaccurate,
            "reason": self.reason,
            "changed": self.changed,
            "answers": None if self.answers is None else self.answers.to_json(),
            "reference": None if self.reference is None else self.reference.to_json(),
        }

    def _accurate_enough(self) -> bool:
        assert self.answers is not None and self.reference is not None
        return self.answers.correct >= TAU * self.reference.correct

    def _obstacle(self) -> str | None:
        """Why accuracies cannot be compared."""
        for who, answers in (("the server", self.answers), ("the reference", self.reference)):
            if answers is None or not answers.answers:
                return f"not checked: {who} was not asked"
            if not answers.complete:
                failure, times = answers.failures.most_common(1)[0]
                return (
                    f"not complete: {who} left {answers.failures.total()} of {answers.asked} questions unanswered, "
                    f"{times} of them: {failure}"
                )
        assert self.answers is not None and self.reference is not None
        if self.answers.quiz != self.reference.quiz:
            return "not checked: server and reference were asked different questions"
        if not self.reference.correct:
            return f"not checked: the reference answers none of {self.reference.asked} questions rightly"
        return None
