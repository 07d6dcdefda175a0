"""What the reference server says about another server's texts.

Gathered after that server has ended: on one device the two cannot run at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from infraray.scenarios.inference.integrity.likelihood import TokenLikelihood, likelihood
from infraray.scenarios.inference.integrity.probes import Canary, ProbeAnswers, ask_canaries
from infraray.scenarios.inference.requests import Request
from infraray.scenarios.inference.responses import Response
from infraray.scenarios.inference.tokenizer import ModelTokenizer
from infraray.scenarios.inference.workloads import Endpoint

TIMED_TEXTS = 16
"""Measured answers that are looked at, spread evenly over those of all traffics."""
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
    """

    timed: tuple[tuple[Likelihoods, Likelihoods], ...]
    canaries: tuple[tuple[float, float], ...]
    repeated: tuple[Likelihoods, ...]
    fingerprints: tuple[Likelihoods, ...]


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
    looked_at = min(TIMED_TEXTS, len(both))
    timed = []
    for response in (both[number * len(both) // looked_at] for number in range(looked_at)):
        asked = _asked(requests[response.request], endpoint)
        timed.append((says(asked, response.text), says(asked, own[response.request].text)))
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
    )


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
