"""How a question is put to a model.

Zero-shot unless examples are given: InferenceBench (appendix C.1) asks ten-option questions with
greedy decoding and names no examples; MMLU-Pro's own protocol shows five worked answers of the
question's category (Wang et al., 2024, section 5). Both ask for "The answer is (X)".
"""

from __future__ import annotations

from collections.abc import Sequence

from infraray.scenarios.inference.quality.question import LETTERS, Question

INSTRUCTION = (
    "Answer the multiple-choice question about {category}. Think step by step, then end with "
    '"The answer is (X)." where X is the letter of the right option.'
)


def messages(question: Question, examples: Sequence[Question] = ()) -> list[dict[str, str]]:
    """The conversation that asks a question.

    Args:
        question: what is asked.
        examples: questions with worked answers, shown before it.
    """
    shown = [f"{posed(example)}\nAnswer: {_worked(example)}" for example in examples]
    text = "\n\n".join([INSTRUCTION.format(category=question.category), *shown, posed(question)])
    return [{"role": "user", "content": text}]


def examples_for(question: Question, validation: Sequence[Question], count: int) -> list[Question]:
    """The first ``count`` worked examples of the question's category."""
    return [example for example in validation if example.category == question.category][:count]


def posed(question: Question) -> str:
    """The question with its lettered options."""
    options = [f"{letter}. {option}" for letter, option in zip(LETTERS, question.options, strict=False)]
    return "\n".join([f"Question: {question.question}", "Options:", *options])


def _worked(example: Question) -> str:
    # The hub's worked answers begin with a label of their own.
    return example.worked_answer.removeprefix("A:").strip() or f"The answer is ({example.answer})."
