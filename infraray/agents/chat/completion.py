"""A model's answer, read from a stream of server-sent events or from one JSON document."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infraray.agents.chat.failures import StatedError, TransientFailure
from infraray.answers import split_thoughts
from infraray.characters import whole_characters
from infraray.protocol.answers import ToolCalls, finish_reason, message_of, reasoning_of, spoken, token_count
from infraray.protocol.documents import Documents, NoJSON
from infraray.protocol.ends import end_of
from infraray.protocol.errors import stated_error, stated_status


@dataclass(frozen=True)
class Completion:
    """One answer.

    Args:
        text: what was said, without reasoning.
        reasoning: what the model thought first, if the server gives it or the text marks it.
        called: the arguments of the first tool call, as JSON text.
        finish_reason: why it ended.
        input_tokens: tokens of the prompt as the server counted them; None if it does not.
        output_tokens: tokens of the answer, likewise.
        latency_s: from sending the request that succeeded to its end.
        time_to_first_token_s: until the first text; None without a stream.
        retries: requests that failed before.
        waited_s: seconds between the first request and the one that succeeded.
        left_out: options that the server does not accept.
        refusal: why the model would not answer, in its words, if the server gives them separately.
        cached: whether it came from the cache; the times are then those of the original.
        prompt_ids: the prompt in tokens; None if the server was not asked for it, or does not tell.
        token_ids: the answer in tokens, the one that ended it included; likewise.
        logprobs: the log-probability of each of these, in nats; likewise.
    """

    text: str
    reasoning: str | None
    called: str | None
    finish_reason: str | None
    input_tokens: int | None
    output_tokens: int | None
    latency_s: float
    time_to_first_token_s: float | None
    retries: int = 0
    waited_s: float = 0.0
    left_out: tuple[str, ...] = ()
    refusal: str | None = None
    cached: bool = False
    prompt_ids: Sequence[int] | None = None
    token_ids: Sequence[int] | None = None
    logprobs: Sequence[float] | None = None

    @property
    def is_cut(self) -> bool:
        """Whether the model was stopped before it had finished."""
        return end_of(self.finish_reason) != "whole"

    @property
    def is_lasting(self) -> bool:
        """Whether asking again is pointless: an answer that ended for an unknown reason may come out differently."""
        return end_of(self.finish_reason) in ("whole", "cut", "refused")


def spoken_and_thought(text: str) -> tuple[str, str]:
    """What was said, as it is unless thoughts are marked in it, and the thoughts."""
    said, thoughts = split_thoughts(text)
    return (text, "") if said == text.strip() else (said, thoughts)


async def read_answer(chunks: AsyncIterator[bytes], started: float) -> Completion:
    """Reads a body: a stream of events, or one document.

    Args:
        chunks: of the body.
        started: when the request was sent, on the clock of `time.perf_counter`.

    Raises:
        TransientFailure: it ends before the answer does, breaks off, or is not an answer.
        StatedError: the server says what is wrong.
    """
    documents, answer = Documents(), _Reply(started)
    try:
        async for chunk in chunks:
            for document, _ in documents.feed(chunk):
                answer.take(document)
            if documents.done:
                break
        for document, _ in documents.close():
            answer.take(document)
    except NoJSON as error:
        raise TransientFailure(f"the server sent {error}") from None
    return answer.finish(documents)


@dataclass
class _Choice:
    """One choice, as far as it has arrived."""

    text: list[str] = field(default_factory=list)
    reasoning: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    calls: ToolCalls = field(default_factory=ToolCalls)
    finish_reason: str | None = None
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)

    def take(self, choice: Mapping[str, Any]) -> bool:
        """Adds what a document's choice says; returns whether it says anything."""
        self.token_ids += choice.get("token_ids") or ()
        self.logprobs += [float(token["logprob"]) for token in (choice.get("logprobs") or {}).get("content") or ()]
        said = message_of(choice)
        text, thoughts, refused = spoken(said.get("content"))
        reasoning, refusal = "".join(spoken(reasoning_of(said))) + thoughts, "".join(spoken(said.get("refusal")))
        for parts, part in ((self.text, text), (self.reasoning, reasoning), (self.refusal, refused + refusal)):
            if part:
                parts.append(part)
        called = self.calls.take(said)
        self.finish_reason = finish_reason(choice) or self.finish_reason
        return bool(text or reasoning or called)

    @property
    def is_begun(self) -> bool:
        return bool(self.text or self.calls.begun or self.refusal)


@dataclass
class _Reply:
    """An answer, as far as it has arrived."""

    started: float
    choices: dict[int, _Choice] = field(default_factory=dict)
    input_tokens: int | None = None
    output_tokens: int | None = None
    prompt_ids: list[int] | None = None
    first_token_at: float | None = None

    def take(self, document: Any) -> None:
        """Adds a document of the body."""
        error = stated_error(document)
        if error is not None:
            raise StatedError(error, stated_status(error))
        try:
            for position, choice in enumerate(document.get("choices") or ()):
                index = choice.get("index")
                ours = self.choices.setdefault(index if isinstance(index, int) else position, _Choice())
                if ours.take(choice) and self.first_token_at is None:
                    self.first_token_at = time.perf_counter()
                self._count(choice.get("usage"))  # Moonshot's place for it
            self._count(document.get("usage"))
            self.prompt_ids = document.get("prompt_token_ids") or self.prompt_ids
        except (AttributeError, KeyError, IndexError, TypeError, ValueError):
            raise TransientFailure("the server sent JSON that is not an answer") from None

    def _count(self, usage: Any) -> None:
        if usage:
            inputs, outputs = token_count(usage, "prompt_tokens"), token_count(usage, "completion_tokens")
            self.input_tokens = self.input_tokens if inputs is None else inputs
            self.output_tokens = self.output_tokens if outputs is None else outputs

    def finish(self, documents: Documents) -> Completion:
        """The whole answer: the first choice if there are several."""
        choice = self.choices[min(self.choices)] if self.choices else _Choice()
        if choice.finish_reason is None:
            if documents.streamed and not documents.done:
                raise TransientFailure("the server closed the connection in the middle of its answer")
            if not choice.is_begun:
                raise TransientFailure(
                    "the server ended its answer before it began"
                    if documents.streamed
                    else "the server sent nothing that is an answer"
                )
        if end_of(choice.finish_reason) == "broken":
            raise TransientFailure(f"the server broke off: finish_reason {choice.finish_reason!r}")
        text, reasoning, refusal = (
            whole_characters("".join(parts)) for parts in (choice.text, choice.reasoning, choice.refusal)
        )
        called = whole_characters("".join(choice.calls.arguments)) if choice.calls.begun else None
        text, thoughts = spoken_and_thought(text)
        reasoning += thoughts
        ended = time.perf_counter()
        first = self.first_token_at if documents.streamed else None
        return Completion(
            text,
            reasoning or None,
            called,
            choice.finish_reason,
            self.input_tokens,
            self.output_tokens,
            ended - self.started,
            None if first is None else first - self.started,
            refusal=refusal or None,
            prompt_ids=self.prompt_ids,
            token_ids=choice.token_ids or None,
            logprobs=choice.logprobs or None,
        )
