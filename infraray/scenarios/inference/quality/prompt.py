"""The prompt that asks a model a question.

Zero-shot: InferenceBench (appendix C.1) asks ten-option questions with greedy decoding and mentions no examples. It
asks for "The answer is (X)", as MMLU-Pro's own protocol does (Wang et al., 2024).
"""

from __future__ import annotations

from infraray.scenarios.inference.quality.question import LETTERS, Question

INSTRUCTION = (
    "Answer the multiple-choice question about {category}. Think step by step, then end with "
    '"The answer is (X)." where X is the letter of the right option.'
)


def messages(question: Question) -> list[dict[str, str]]:
    """The conversation that asks a question."""
    options = [f"{letter}. {option}" for letter, option in zip(LETTERS, question.options, strict=False)]
    posed = "\n".join([f"Question: {question.question}", "Options:", *options])
    return [{"role": "user", "content": f"{INSTRUCTION.format(category=question.category)}\n\n{posed}"}]
