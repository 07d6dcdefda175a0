"""The quality gate: whether a tuned server still answers nearly as well as the reference (MMLU-Pro)."""

from infraray.scenarios.inference.quality.answers import QuizAnswer, QuizAnswers
from infraray.scenarios.inference.quality.gate import TAU, QualityResult
from infraray.scenarios.inference.quality.mmlu_pro import read_mmlu_pro
from infraray.scenarios.inference.quality.question import Question
from infraray.scenarios.inference.quality.quiz import Quiz

__all__ = ["TAU", "QualityResult", "Question", "Quiz", "QuizAnswer", "QuizAnswers", "read_mmlu_pro"]
