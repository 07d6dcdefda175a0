"""Log-probabilities that are another model's.

The server tells the log-probabilities of its first tokens for some new prompts; the reference
says its own for the same tokens in the same places. The measure is the Kullback-Leibler
divergence of the server's distribution from the reference's, over the server's likeliest tokens,
in the mean over all places. It is 0.001 to 0.01 between precisions of 16 and 8 bits, 0.03 to 0.07
for weights of 4 bits and below 0.2 for 3 bits (published tables of llama.cpp's quantisations of
8-billion-parameter models), which is worse than the quality gate lets pass, and more than 1
between models.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean

from infraray.scenarios.inference.integrity.evidence import Evidence
from infraray.scenarios.inference.integrity.finding import Finding, NotChecked
from infraray.scenarios.inference.integrity.likelihood import TokenLikelihood

DIVERGENCE = 0.3
"""Nats in the mean, that precision and quantisation may cost."""
COMPARED = 5
"""The server's likeliest tokens in a place; the tail says little and rounds much."""
LEAST_PLACES = 8


def check(evidence: Evidence) -> Finding | None:
    """Compares the distributions in all places."""
    if evidence.probes is None or evidence.opinion is None:
        raise NotChecked("server and reference were not asked for the fingerprint")
    told = evidence.probes.fingerprints
    failed = [one.failure for one in told if one.failure is not None]
    divergences = [
        divergence
        for one, theirs in zip(told, evidence.opinion.fingerprints, strict=True)
        for divergence in _divergences(one.tokens, theirs)
    ]
    if len(divergences) < LEAST_PLACES:
        raise NotChecked(f"the server does not tell its log-probabilities{f' ({failed[0]})' if failed else ''}")
    mean = fmean(divergences)
    if mean <= DIVERGENCE:
        return None
    return Finding(
        "fingerprint",
        f"the server's log-probabilities diverge from the model's by {mean:.2f} nats in the mean over "
        f"{len(divergences)} tokens; quantisation costs less than {DIVERGENCE}: this is another model",
        {"divergence": mean, "places": len(divergences)},
    )


def _divergences(mine: Sequence[TokenLikelihood], theirs: Sequence[TokenLikelihood]) -> Iterable[float]:
    """The divergence in each place, as long as both have said the same."""
    for here, there in zip(mine, theirs, strict=False):
        if not here.alternatives or not there.alternatives:
            return
        known = _by_text(there.alternatives)
        # What the reference does not list is at most as likely as the last that it does.
        least = min(there.alternatives, key=lambda pair: pair[1])[1]
        told = _by_text(here.alternatives[:COMPARED])
        yield sum(math.exp(logprob) * (logprob - known.get(text, least)) for text, logprob in told.items())
        if here.token.strip() != there.token.strip():
            return


def _by_text(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Log-probabilities by text without blanks: some servers say a token's blank, some do not."""
    sums: defaultdict[str, float] = defaultdict(float)
    for text, logprob in pairs:
        sums[text.strip()] += math.exp(logprob)
    return {text: math.log(probability) for text, probability in sums.items() if probability > 0}
