"""What the reference server says about another server's texts.

Gathered after that server has ended: on one device the two cannot run at the same time.
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
"""Measured answers that are looked at, spread evenly over those of all traffics."""
MOST_TEXTS = 64
"""Looked at where the first ones have little that can be compared."""
ENOUGH_TOKENS = 256
"""Tokens of the server's texts, and of the reference's, beyond which no more texts are looked at."""
TEXT_CHARACTERS = 4000
"""Of a text, that are looked at."""

Likelihoods = tuple[TokenLikelihood, ...]


@dataclass(frozen=True)
class Opinion:
    """The reference's own answers, and how likely it finds the other server's.

    Args:
        timed: pairs for measured requests: the server's text, and the reference's own text to the
            same request.
        canaries: for each pair of canaries, how much the server's two answers tell about which of
            the two prompts each is to, in nats, and how much the reference's own two do.
        repeated: for each repeated prompt the server's first text.
        fingerprints: for each fingerprint the server's text.
        spoken: to how many of the greedy probes that the server left without text the reference has one.
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
        InfrarayError: the reference does not answer; nothing can be said then.
    """

    def says(asked: dict[str, Any], text: str) -> Likelihoods:
        # Half a character stands for bytes that the text does not show.
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
    """Whether texts are too short so far; where none has anything to compare, more would have nothing either."""
    found = [sum(len(pair[side]) for pair in timed) for side in (0, 1)]
    return not timed or 0 < min(found) < ENOUGH_TOKENS


def _spread(responses: Sequence[Response], most: int) -> list[Response]:
    """Some, evenly over all."""
    count = min(most, len(responses))
    return [responses[number * len(responses) // count] for number in range(count)]


def _spoken(base_url: str, model: str, probes: ProbeAnswers, tokenizer: ModelTokenizer) -> int:
    silent = [probe for probe, is_silent in probes.greedy if is_silent]
    return sum(response.failure is None for response in ask(base_url, model, silent, tokenizer)) if silent else 0


def _information(
    says: Callable[[dict[str, Any], str], Likelihoods], canary: Canary, answers: Sequence[Response]
) -> float:
    """How much likelier the answers are after their own prompts than after the other's, in nats."""
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
