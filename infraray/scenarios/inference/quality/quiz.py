"""The questions of a quality check and how they are asked: greedy, all of them, each once."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass
from typing import Any

import aiohttp

from infraray.scenarios.inference.quality.answers import Answer, Answers
from infraray.scenarios.inference.quality.extraction import extract_answer
from infraray.scenarios.inference.quality.mmlu_pro import QuestionSet
from infraray.scenarios.inference.quality.prompt import examples_for, messages
from infraray.scenarios.inference.quality.question import Question
from infraray.scenarios.inference.quality.subset import stratified_subset

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

    async def ask(self, url: str, model: str, timeout_s: float) -> Answers:
        """Asks a server, `CONCURRENCY` questions at a time.

        A request that fails is not repeated: the question counts as unanswered, and the result as
        incomplete.

        Args:
            url: base URL, such as ``http://host:8000/v1``.
            model: the name by which the server knows it.
            timeout_s: for all questions together.
        """
        deadline = asyncio.get_running_loop().time() + timeout_s
        free = asyncio.Semaphore(CONCURRENCY)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def answer(question: Question, request: dict[str, Any]) -> Answer:
                try:
                    async with asyncio.timeout_at(deadline), free:
                        text = await _text(session, url, {**request, "model": model})
                except TimeoutError:
                    return Answer(question.question_id, False, failure=f"no answer within {timeout_s:g} s")
                except (aiohttp.ClientError, OSError, _NoText) as error:
                    return Answer(question.question_id, False, failure=_one_line(error))
                found = extract_answer(text)
                if found is None:
                    return Answer(question.question_id, False)
                return Answer(question.question_id, found.letter == question.answer, found.letter, found.level)

            pairs = zip(self.questions, self.requests(), strict=True)
            return Answers(self.sha256, tuple(await asyncio.gather(*(answer(*pair) for pair in pairs))))


class _NoText(Exception):
    """The server answered, but not with a text."""


async def _text(session: aiohttp.ClientSession, url: str, request: dict[str, Any]) -> str:
    async with session.post(f"{url}/chat/completions", json=request) as response:
        raw = await response.text(errors="replace")
        if response.status != 200:
            raise _NoText(f"status {response.status}: {raw[:200]}")
    try:
        text = json.loads(raw)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError):
        raise _NoText(f"no completion: {raw[:200]}") from None
    if not isinstance(text, str):
        raise _NoText(f"no text: {raw[:200]}")
    return text


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
