"""Questions to a server besides the workload, while it runs alone.

All prompts are documents that no server has seen: they are made from a seed that is drawn while the server is already
running. All but the fingerprint are sent exactly like the workload's requests.
"""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, TypeVar

from infraray.errors import InfrarayError
from infraray.load.documents import write_document
from infraray.load.generator import Load, generate_load
from infraray.load.requests import Request, fit_to_length
from infraray.load.responses import Response, read_response
from infraray.load.target import find_target
from infraray.load.tokenizer import ModelTokenizer
from infraray.load.workloads import Workload
from infraray.scenarios.inference.integrity.likelihood import TokenLikelihood, told_likelihood

TIMED = 10
"""Prompts of each of two lengths."""
CANARIES = 12
"""Pairs for each place of the differing passage."""
CONCURRENCY = 8
"""Concurrency of the canaries, whose times do not matter."""
REPEATED = 4
"""Prompts that are asked twice."""
FINGERPRINTS = 12
ROUNDS = 6
"""Rounds in which prompts without an answer text are replaced by others. For a model that is silent at half of all
prompts, too few timed ones are left 3 times in a million, and no repeated ones 3 times in 10,000; without replacement,
a model silent at 3 of 10 leaves too few timed ones in 85 of 100 launches."""

LEAST_CONTEXT = 2048
"""Tokens of context that a server has if it can answer the quality gate's questions."""
SHORT_SHARE = 8
"""A long prompt's length over a short one's."""
PROMPT_TOKENS = 256
"""Tokens of the prompts whose length does not matter."""
TIMED_OUTPUT = 8
CANARY_OUTPUT = 16
REPEATED_OUTPUT = 48
FINGERPRINT_OUTPUT = 8
"""Tokens of the answers."""
TIMEOUT_S = 600.0
"""Time limit of one answer."""
TIME_LIMIT_S = 1800.0
"""Time limit of all answers: half a minute for each that is asked alone; enough to recognise a hanging server."""

Answer = TypeVar("Answer")

PASSAGE_TOKENS = 96
"""Tokens of a canary that differ, including the code."""

CODED = "The code of this text is {code}.\n\n{text}"
CODE_QUESTION = "There is a code in this text. What is it? Begin with the code."
_CANARIES = {
    "beginning": "{passage}\n\n{document}\n\n" + CODE_QUESTION,
    "end": "{document}\n\n{passage}\n\n" + CODE_QUESTION,
}


@dataclass(frozen=True)
class Probe:
    """One request; its output has exactly ``output_tokens`` tokens."""

    prompt: str
    prompt_tokens: int
    output_tokens: int
    temperature: float = 0.0

    @property
    def asked(self) -> dict[str, Any]:
        """The conversation."""
        return {"messages": [{"role": "user", "content": self.prompt}]}

    def body(self, model: str) -> dict[str, Any]:
        """The request without streaming."""
        return {
            "model": model,
            **self.asked,
            "max_tokens": self.output_tokens,
            "temperature": self.temperature,
            "ignore_eos": True,
        }


@dataclass(frozen=True)
class Canary:
    """Two prompts that differ only in one passage with a code.

    Args:
        place: place of the passage: beginning or end.
        probes: the two.
    """

    place: str
    probes: tuple[Probe, Probe]


@dataclass(frozen=True)
class ProbeSet:
    """A plan of all probes.

    Args:
        short: new prompts.
        long: new prompts that are `SHORT_SHARE` times as long.
        canaries: pairs of prompts.
        repeated: prompts to send twice, at temperature 1 and without a seed.
        fingerprints: prompts for comparing the log-probabilities of the first answer tokens.
    """

    short: tuple[Probe, ...]
    long: tuple[Probe, ...]
    canaries: tuple[Canary, ...]
    repeated: tuple[Probe, ...]
    fingerprints: tuple[Probe, ...]


@dataclass(frozen=True)
class Told:
    """A server's answer with the log-probabilities that it reports; ``failure`` says why there is none."""

    text: str
    tokens: tuple[TokenLikelihood, ...]
    failure: str | None = None

    @property
    def silent(self) -> bool:
        """Whether there is an answer without text."""
        return self.failure is None and not self.text


@dataclass(frozen=True)
class ProbeAnswers:
    """A server's answers to a plan, each field in the plan's order.

    Args:
        plan: what was asked: the planned probes, with replacements for prompts that got no text.
        short: answers to the short prompts.
        long: answers to the long ones.
        canaries: answers to each pair of prompts.
        repeated: the first and second answer to each prompt.
        fingerprints: answers with log-probabilities.
    """

    plan: ProbeSet
    short: tuple[Response, ...]
    long: tuple[Response, ...]
    canaries: tuple[tuple[Response, Response], ...]
    repeated: tuple[tuple[Response, Response], ...]
    fingerprints: tuple[Told, ...]

    @property
    def greedy(self) -> list[tuple[Probe, bool]]:
        """The timed probes and the fingerprints, and whether each was left without text."""
        # The first timed ones warm up the server, and their answers are not kept.
        timed = [*zip(self.plan.short[1:], self.short, strict=False), *zip(self.plan.long[1:], self.long, strict=False)]
        told = zip(self.plan.fingerprints, self.fingerprints, strict=False)
        return [(probe, response.silent) for probe, response in timed] + [(probe, one.silent) for probe, one in told]


def check_can_probe(workload: Workload, tokenizer: ModelTokenizer) -> None:
    """Rejects a model for which no probes can be planned, long before planning them.

    Raises:
        InfrarayError: the model has no chat template, or one that is longer than a probe.
    """
    short, _ = _timed_lengths(workload)
    bare = tokenizer.count_prompt("", "chat")
    if bare >= min(short, PROMPT_TOKENS):
        raise InfrarayError(f"integrity: the chat template alone is {bare} tokens, longer than what is asked with it")


def plan_probes(workload: Workload, tokenizer: ModelTokenizer) -> ProbeSet:
    """Makes prompts that no server can know.

    Raises:
        InfrarayError: as `check_can_probe`.
    """
    check_can_probe(workload, tokenizer)
    short, long = _timed_lengths(workload)
    documents = _Documents(tokenizer)
    return ProbeSet(
        # One more of each, to warm up.
        short=tuple(documents.probe(short, TIMED_OUTPUT) for _ in range(TIMED + 1)),
        long=tuple(documents.probe(long, TIMED_OUTPUT) for _ in range(TIMED + 1)),
        canaries=tuple(documents.canary(place) for place in _CANARIES for _ in range(CANARIES)),
        repeated=tuple(documents.probe(PROMPT_TOKENS, REPEATED_OUTPUT, 1.0) for _ in range(REPEATED)),
        fingerprints=tuple(documents.probe(PROMPT_TOKENS, FINGERPRINT_OUTPUT) for _ in range(FINGERPRINTS)),
    )


def _timed_lengths(workload: Workload) -> tuple[int, int]:
    """Tokens of the short and of the long prompts that are timed."""
    long = max(workload.longest_sequence, LEAST_CONTEXT) - TIMED_OUTPUT
    return long // SHORT_SHARE, long


class _Documents:
    """Writes one document after another."""

    def __init__(self, tokenizer: ModelTokenizer) -> None:
        self.tokenizer = tokenizer
        self.seed = secrets.randbits(60)
        self.written = 0

    def text(self, tokens: int, count: Callable[[str], int]) -> str:
        """A document with that many tokens according to ``count``."""
        while True:
            self.written += 1
            cut = fit_to_length(write_document((self.seed, self.written), tokens), tokens, count)
            if cut is not None:
                return cut

    def probe(self, tokens: int, output_tokens: int, temperature: float = 0.0) -> Probe:
        return Probe(self.text(tokens, self._count), tokens, output_tokens, temperature)

    def like(self, probe: Probe) -> Probe:
        """Another probe of the same kind."""
        return self.probe(probe.prompt_tokens, probe.output_tokens, probe.temperature)

    def canary(self, place: str) -> Canary:
        document = self.text(PROMPT_TOKENS, self._count)

        def probe() -> Probe:
            text = self.text(PASSAGE_TOKENS, self.tokenizer.count_text)
            passage = CODED.format(text=text, code=secrets.token_hex(5))
            prompt = _CANARIES[place].format(document=document, passage=passage)
            return Probe(prompt, self._count(prompt), CANARY_OUTPUT)

        return Canary(place, (probe(), probe()))

    def _count(self, prompt: str) -> int:
        return self.tokenizer.count_prompt(prompt, "chat")


def ask_probes(
    base_url: str, model: str, plan: ProbeSet, tokenizer: ModelTokenizer, time_limit_s: float = TIME_LIMIT_S
) -> ProbeAnswers:
    """Sends a server all probes of a plan, first the timed ones, one by one.

    Missing or late answers are recorded as failures. If the model says nothing to a prompt, which may happen with any,
    another one of the same kind is asked as well.

    Args:
        base_url: such as ``http://host:8000/v1``.
        model: the name under which the server serves the model.
        plan: the probes.
        tokenizer: the model's own.
        time_limit_s: limit for all of it; after that only the current answer is waited for.

    Raises:
        InfrarayError: the URL is invalid.
    """
    deadline = time.monotonic() + time_limit_s
    documents = _Documents(tokenizer)

    def send(probes: Sequence[Probe]) -> list[Response]:
        return ask(base_url, model, probes, tokenizer, time_limit_s=deadline - time.monotonic())

    def time_pairs(pairs: Sequence[tuple[Probe, ...]]) -> list[tuple[Response, ...]]:
        answers = send(tuple(chain.from_iterable(pairs)))
        return list(zip(answers[::2], answers[1::2], strict=True))

    def send_twice(probes: Sequence[tuple[Probe, ...]]) -> list[tuple[Response, ...]]:
        alone = list(chain.from_iterable(probes))
        return list(zip(send(alone), send(alone), strict=True))

    def tell(probes: Sequence[tuple[Probe, ...]]) -> list[tuple[Told, ...]]:
        return [(_tell(base_url, model, probe, deadline),) for (probe,) in probes]

    def not_timed(response: Response) -> bool:
        return response.silent and response.began_s is None

    timed, timed_answers = _with_replacements(
        documents, list(zip(plan.short, plan.long, strict=True)), time_pairs, not_timed
    )
    repeated, repeated_answers = _with_replacements(
        documents, [(probe,) for probe in plan.repeated], send_twice, lambda response: response.silent
    )
    canaries = ask_canaries(base_url, model, plan, tokenizer, deadline - time.monotonic())
    fingerprints, told = _with_replacements(
        documents, [(probe,) for probe in plan.fingerprints], tell, lambda one: one.silent
    )
    return ProbeAnswers(
        replace(
            plan,
            short=tuple(short for short, _ in timed),
            long=tuple(long for _, long in timed),
            repeated=tuple(probe for (probe,) in repeated),
            fingerprints=tuple(probe for (probe,) in fingerprints),
        ),
        # The first ones warm up the server.
        short=tuple(short for short, _ in timed_answers[1:]),
        long=tuple(long for _, long in timed_answers[1:]),
        canaries=canaries,
        repeated=tuple((first, second) for first, second in repeated_answers),
        fingerprints=tuple(one for (one,) in told),
    )


def _with_replacements(
    documents: _Documents,
    groups: Sequence[tuple[Probe, ...]],
    send: Callable[[Sequence[tuple[Probe, ...]]], list[tuple[Answer, ...]]],
    says_nothing: Callable[[Answer], bool],
) -> tuple[list[tuple[Probe, ...]], list[tuple[Answer, ...]]]:
    """Sends groups of probes, and for some rounds replaces each that got no text by another one."""
    asked, answered = list(groups), send(groups)
    lost = sum(any(map(says_nothing, answers)) for answers in answered)
    for _ in range(ROUNDS):
        if not lost:
            break
        more = [tuple(documents.like(probe) for probe in groups[0]) for _ in range(lost)]
        answers = send(more)
        asked += more
        answered += answers
        lost = sum(any(map(says_nothing, one)) for one in answers)
    return asked, answered


def ask_canaries(
    base_url: str, model: str, plan: ProbeSet, tokenizer: ModelTokenizer, time_limit_s: float = math.inf
) -> tuple[tuple[Response, Response], ...]:
    """Sends a server the canaries of a plan; returns the answers to each pair."""
    probes = tuple(chain.from_iterable(canary.probes for canary in plan.canaries))
    answers = ask(base_url, model, probes, tokenizer, CONCURRENCY, time_limit_s)
    return tuple(zip(answers[::2], answers[1::2], strict=True))


def ask(
    base_url: str,
    model: str,
    probes: Sequence[Probe],
    tokenizer: ModelTokenizer,
    concurrency: int = 1,
    time_limit_s: float = math.inf,
) -> list[Response]:
    """Sends a server some probes, streamed like the workload's requests."""
    target = find_target(base_url, "chat")
    streamed = {"stream": True, "stream_options": {"include_usage": True}}
    messages = [target.message({**probe.body(model), **streamed}) for probe in probes]
    load = Load(messages, [0.0] * len(messages), concurrency, True, TIMEOUT_S, max(0.0, time_limit_s))
    return [
        read_response(
            exchange,
            Request(probe.prompt, probe.prompt_tokens, probe.output_tokens, "probe"),
            tokenizer.count_text,
            ignore_eos=True,
        )
        for exchange, probe in zip(generate_load(target, load), probes, strict=True)
    ]


def _tell(base_url: str, model: str, probe: Probe, deadline: float) -> Told:
    if time.monotonic() > deadline:
        return Told("", (), "the time for the probes is up")
    try:
        return Told(*told_likelihood(base_url, probe.body(model)))
    except InfrarayError as error:
        return Told("", (), str(error))
