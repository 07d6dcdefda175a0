"""The reference server's view of another server's texts.

It is gathered after that server has ended, as the two cannot run on one device at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from infraray.load.requests import Request
from infraray.load.responses import Response
from infraray.load.tokenizer import ModelTokenizer
from infraray.load.workloads import Endpoint
from infraray.scenarios.inference.integrity.likelihood import TokenLikelihood, likelihood
from infraray.scenarios.inference.integrity.probes import Canary, ProbeAnswers, ask, ask_canaries

TIMED_TEXTS = 16
"""Measured answers to examine, spread evenly over those of all traffics."""
MOST_TEXTS = 64
"""Measured answers to examine if the first ones offer too little to compare."""
ENOUGH_TOKENS = 256
"""Tokens of the server's and the reference's texts beyond which no more texts are examined."""
TEXT_CHARACTERS = 4000
"""Tokens of a text that are examined."""

Likelihoods = tuple[TokenLikelihood, ...]


@dataclass(frozen=True)
class Opinion:
    """The reference's own answers, and how likely it finds the other server's.

    Args:
        timed: for measured requests, pairs of the server's text and the reference's own.
        canaries: for each pair of canaries, the information in nats that the server's two answers hold about which
            prompt each belongs to, and the same for the reference's.
        repeated: for each repeated prompt the server's first text.
        fingerprints: for each fingerprint the server's text.
        spoken: how many of the greedy probes without text from the server have a text from the reference.
    """

    timed: tuple[tuple[Likelihoods, Likelihoods], ...]
    canaries: tuple[tuple[float, float], ...]
    repeated: tuple[Likelihoods, ...]
    fingerprints: tuple[Likelihoods, ...]
    spoken: int = 0


def ask_opinion(
    base_url: str,
    model: str,
    requests: Sequence[Request],
    endpoint: Endpoint,
    traffics: Sequence[Sequence[Response]],
    reference: Sequence[Response],
    probes: ProbeAnswers,
    tokenizer: ModelTokenizer,
) -> Opinion:
    """Asks the reference server (engine ``transformers``).

    Args:
        base_url: of the reference.
        model: its name there.
        requests: the workload's.
        endpoint: where they were sent.
        traffics: the other server's answers to them, one sequence a traffic.
        reference: the reference's own.
        probes: the other server's answers to the probes.
        tokenizer: the model's own.

    Raises:
        InfrarayError: the reference does not answer, so there is no result.
    """

    def says(asked: dict[str, Any], text: str) -> Likelihoods:
        # A partial character stands for bytes that the text does not show.
        return likelihood(base_url, asked, text[:TEXT_CHARACTERS].partition("\ufffd")[0])

    own = {response.request: response for response in reference if response.failure is None}
    both = [one for traffic in traffics for one in traffic if one.failure is None and one.request in own]
    timed: list[tuple[Likelihoods, Likelihoods]] = []
    while both and len(timed) < MOST_TEXTS and _wants_more(timed):
        some = _spread(both, TIMED_TEXTS)
        for response in some:
            asked = _asked(requests[response.request], endpoint)
            timed.append((says(asked, response.text), says(asked, own[response.request].text)))
        both = [response for response in both if not any(response is one for one in some)]
    plan = probes.plan
    own_canaries = ask_canaries(base_url, model, plan, tokenizer)
    canaries = [
        (_information(says, canary, mine), _information(says, canary, theirs))
        for canary, mine, theirs in zip(plan.canaries, probes.canaries, own_canaries, strict=True)
    ]
    repeated = zip(plan.repeated, probes.repeated, strict=True)
    fingerprints = zip(plan.fingerprints, probes.fingerprints, strict=True)
    return Opinion(
        timed=tuple(timed),
        canaries=tuple(canaries),
        repeated=tuple(says(probe.asked, answers[0].text) for probe, answers in repeated),
        fingerprints=tuple(says(probe.asked, told.text) for probe, told in fingerprints),
        spoken=_spoken(base_url, model, probes, tokenizer),
    )


def _wants_more(timed: Sequence[tuple[Likelihoods, Likelihoods]]) -> bool:
    """Whether the texts so far are too short; if none has anything to compare, more would not help."""
    found = [sum(len(pair[side]) for pair in timed) for side in (0, 1)]
    return not timed or 0 < min(found) < ENOUGH_TOKENS


def _spread(responses: Sequence[Response], most: int) -> list[Response]:
    """A subset, spread evenly over all."""
    count = min(most, len(responses))
    return [responses[number * len(responses) // count] for number in range(count)]


def _spoken(base_url: str, model: str, probes: ProbeAnswers, tokenizer: ModelTokenizer) -> int:
    silent = [probe for probe, is_silent in probes.greedy if is_silent]
    return sum(response.failure is None for response in ask(base_url, model, silent, tokenizer)) if silent else 0


def _information(
    says: Callable[[dict[str, Any], str], Likelihoods], canary: Canary, answers: Sequence[Response]
) -> float:
    """How much likelier, in nats, the answers are after their own prompts than after each other's."""
    told = 0.0
    for mine, other, answer in zip(canary.probes, reversed(canary.probes), answers, strict=True):
        after_mine, after_other = says(mine.asked, answer.text), says(other.asked, answer.text)
        # As far as both were followed.
        told += sum(one.logprob - two.logprob for one, two in zip(after_mine, after_other, strict=False))
    return told


def _asked(request: Request, endpoint: Endpoint) -> dict[str, Any]:
    if endpoint == "completions":
        return {"prompt": request.prompt}
    return {"messages": [{"role": "user", "content": request.prompt}]}
