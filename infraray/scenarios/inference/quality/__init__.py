"""The quality gate: whether a tuned server still answers nearly as well as the reference (MMLU-Pro)."""

from infraray.scenarios.inference.quality.answers import Answer, Answers
from infraray.scenarios.inference.quality.gate import TAU, QualityResult
from infraray.scenarios.inference.quality.mmlu_pro import read_mmlu_pro
from infraray.scenarios.inference.quality.question import Question
from infraray.scenarios.inference.quality.quiz import Quiz

__all__ = ["TAU", "Answer", "Answers", "QualityResult", "Question", "Quiz", "read_mmlu_pro"]
