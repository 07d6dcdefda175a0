"""The questions of a quality check and how they are asked: greedy, all of them, each once."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any

from infraray.scenarios.inference.load_generator import Load, find_target, generate_load
from infraray.scenarios.inference.quality.answers import Answer, Answers
from infraray.scenarios.inference.quality.extraction import extract_answer
from infraray.scenarios.inference.quality.mmlu_pro import QuestionSet
from infraray.scenarios.inference.quality.prompt import examples_for, messages
from infraray.scenarios.inference.quality.question import Question
from infraray.scenarios.inference.quality.subset import stratified_subset
from infraray.scenarios.inference.requests import Request
from infraray.scenarios.inference.responses import Response, read_response

DEFAULT_SIZE = 500
"""Questions, as in InferenceBench (section 3.3)."""
CONCURRENCY = 32


@dataclass(frozen=True)
class Quiz:
    """Seed-fixed questions, ready to be put to servers.

    Args:
        questions: what is asked.
        validation: where examples are taken from.
        shots: worked examples before each question; 0 as InferenceBench, 5 as MMLU-Pro.
        max_tokens: what one answer may take.
    """

    questions: tuple[Question, ...]
    validation: tuple[Question, ...] = ()
    shots: int = 0
    max_tokens: int = 1024

    @classmethod
    def draw(cls, source: QuestionSet, seed: int, size: int = DEFAULT_SIZE, shots: int = 0) -> Quiz:
        """The quiz of a seed: a stratified subset of ``size`` questions.

        Raises:
            InfrarayError: there are fewer questions.
        """
        return cls(stratified_subset(source.test, size, seed), source.validation, shots)

    def requests(self) -> list[dict[str, Any]]:
        """The chat requests, without the model's name."""
        return [
            {
                "messages": messages(question, examples_for(question, self.validation, self.shots)),
                "temperature": 0,
                "max_tokens": self.max_tokens,
            }
            for question in self.questions
        ]

    @property
    def sha256(self) -> str:
        """Identifies what is asked, how, and what is right."""
        asked = [self.requests(), [(question.question_id, question.answer) for question in self.questions]]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()

    def ask(self, base_url: str, model: str, timeout_s: float = math.inf) -> Answers:
        """Asks a server, `CONCURRENCY` questions at a time.

        A request that fails is not repeated: the question counts as unanswered, and the result as
        incomplete.

        Args:
            base_url: such as ``http://host:8000/v1``.
            model: the name under which the server serves the model.
            timeout_s: for all questions together.

        Raises:
            InfrarayError: the URL is none.
        """
        target = find_target(base_url, "chat")
        streamed = {"model": model, "stream": True, "stream_options": {"include_usage": True}}
        messages = [target.message({**request, **streamed}) for request in self.requests()]
        load = Load(messages, [0.0] * len(messages), CONCURRENCY, closed_loop=True, time_limit_s=timeout_s)
        asked = Request(prompt="", prompt_tokens=0, output_tokens=self.max_tokens, document="")
        responses = [read_response(exchange, asked, len, ignore_eos=False) for exchange in generate_load(target, load)]
        return Answers(self.sha256, tuple(map(_answer, self.questions, responses)))


def _answer(question: Question, response: Response) -> Answer:
    # A model may end without a word; that is an answer, and a wrong one.
    silent = response.failure == "incomplete" and response.finish_reason is not None
    if response.failure is not None and not silent:
        return Answer(question.question_id, False, failure=f"{response.failure}, {response.reason}")
    found = extract_answer(response.text)
    if found is None:
        return Answer(question.question_id, False)
    return Answer(question.question_id, found.letter == question.answer, found.letter, found.level)
