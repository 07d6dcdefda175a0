"""The questions of a quality check, all of them asked once with greedy decoding."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from infraray.load.generator import Load, generate_load
from infraray.load.requests import Request
from infraray.load.responses import Response, read_response
from infraray.load.target import find_target
from infraray.scenarios.inference.quality.answers import QuizAnswer, QuizAnswers
from infraray.scenarios.inference.quality.extraction import extract_answer
from infraray.scenarios.inference.quality.prompt import messages
from infraray.scenarios.inference.quality.question import Question
from infraray.scenarios.inference.quality.subset import stratified_subset

DEFAULT_SIZE = 500
"""Number of questions, as in InferenceBench (section 3.3)."""
CONCURRENCY = 32
REQUEST_TIMEOUT_S = 600.0
"""Time limit of one answer: ample for any server worth measuring, yet an end to waiting for one that hangs."""


@dataclass(frozen=True)
class Quiz:
    """Questions fixed by a seed, ready to be put to servers.

    Args:
        questions: the questions.
        max_tokens: the limit of one answer.
    """

    questions: tuple[Question, ...]
    max_tokens: int = 1024

    @classmethod
    def draw(cls, questions: Sequence[Question], seed: int, size: int = DEFAULT_SIZE) -> Quiz:
        """The quiz of a seed: a stratified subset of ``size`` questions.

        Raises:
            InfrarayError: there are fewer questions.
        """
        return cls(stratified_subset(questions, size, seed))

    def requests(self) -> list[dict[str, Any]]:
        """The chat requests, without the model's name."""
        return [
            {"messages": messages(question), "temperature": 0, "max_tokens": self.max_tokens}
            for question in self.questions
        ]

    @property
    def sha256(self) -> str:
        """Identifies the questions, how they are asked, and the correct answers."""
        asked = [self.requests(), [(question.question_id, question.answer) for question in self.questions]]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()

    def ask(
        self,
        base_url: str,
        model: str,
        concurrency: int = CONCURRENCY,
        request_timeout_s: float = REQUEST_TIMEOUT_S,
    ) -> QuizAnswers:
        """Asks a server, several questions at a time.

        A failed request is not repeated: the question counts as unanswered, and the result as incomplete. If all of
        the first ones fail, no more are asked.

        Args:
            base_url: such as ``http://host:8000/v1``.
            model: the name under which the server serves the model.
            concurrency: questions at a time; 1 for a server that computes one answer at a time and would let the
                others time out.
            request_timeout_s: time limit of one answer.

        Raises:
            InfrarayError: the URL is invalid.
        """
        target = find_target(base_url, "chat")
        streamed = {"model": model, "stream": True, "stream_options": {"include_usage": True}}
        messages = [target.message({**request, **streamed}) for request in self.requests()]
        asked = Request(prompt="", prompt_tokens=0, output_tokens=self.max_tokens, document="")

        def send(some: Sequence[bytes]) -> list[Response]:
            load = Load(some, [0.0] * len(some), concurrency, closed_loop=True, request_timeout_s=request_timeout_s)
            return [read_response(exchange, asked, len, ignore_eos=False) for exchange in generate_load(target, load)]

        answers = list(map(_answer, self.questions, send(messages[:CONCURRENCY])))
        if all(answer.failure for answer in answers):
            why = f"not asked after {len(answers)} others failed, the last with: {answers[-1].failure}"
            answers += [QuizAnswer(one.question_id, False, failure=why) for one in self.questions[CONCURRENCY:]]
        else:
            answers += map(_answer, self.questions[CONCURRENCY:], send(messages[CONCURRENCY:]))
        return QuizAnswers(self.sha256, tuple(answers))


def _answer(question: Question, response: Response) -> QuizAnswer:
    # A model may end without a word; that is an answer, though a wrong one.
    silent = response.failure == "incomplete" and response.finish_reason is not None
    if response.failure is not None and not silent:
        return QuizAnswer(question.question_id, False, failure=f"{response.failure}, {response.reason}")
    found = extract_answer(response.text)
    if found is None:
        return QuizAnswer(question.question_id, False)
    return QuizAnswer(question.question_id, found.letter == question.answer, found.letter, found.level)
