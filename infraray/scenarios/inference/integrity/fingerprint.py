"""Detects log-probabilities of a different model.

The server reports the log-probabilities of its first tokens for some new prompts; the reference computes its own for
the same tokens in the same places. The measure is the mean Kullback-Leibler divergence of the server's distribution
from the reference's over all places, as far as the reported tokens show it: each of the server's likeliest tokens
counts individually, those that only the reference lists count as one, and so does everything else. Grouping can only
lower the divergence, and what neither reports is resolved in the server's favour, so the measure is at most the
divergence of the full distributions. That is 0.001 to 0.01 between precisions of 16 and 8 bits, 0.03 to 0.07 for
weights of 4 bits and below 0.2 for 3 bits (published tables of llama.cpp's quantisations of 8-billion-parameter
models), which the quality gate would not pass, and more than 1 between models.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean

from infraray.scenarios.inference.integrity.evidence import Evidence
from infraray.scenarios.inference.integrity.finding import Finding, NotChecked
from infraray.scenarios.inference.integrity.likelihood import TOLD_LOGPROBS, TokenLikelihood

DIVERGENCE = 0.3
"""Mean divergence in nats that precision and quantisation may cause."""
LEAST_PROBABILITY = 1e-6
"""Lower bound for the reference's probabilities, below which there is only rounding."""
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
        if failed or not any(one.text for one in told):
            raise NotChecked(f"the server does not report its log-probabilities{f' ({failed[0]})' if failed else ''}")
        raise NotChecked(f"the texts have only {len(divergences)} tokens whose log-probabilities can be compared")
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
    """The divergence in each place, as long as both texts agree."""
    for here, there in zip(mine, theirs, strict=False):
        if not here.alternatives or not there.alternatives:
            return
        yield _divergence(here.alternatives[:TOLD_LOGPROBS], there.alternatives)
        if here.token.strip() != there.token.strip():
            return


def _divergence(mine: Sequence[tuple[str, float]], theirs: Sequence[tuple[str, float]]) -> float:
    """The divergence in one place, in nats; both list their likeliest tokens in order."""
    # Some servers report a token's leading blank, some do not: tokens that differ only in it are paired by likelihood.
    unpaired: defaultdict[str, list[float]] = defaultdict(list)
    for text, logprob in theirs:
        unpaired[text.strip()].append(math.exp(logprob))
    # Tokens that the reference does not list are at most as likely as the last one listed.
    least_theirs = math.exp(theirs[-1][1])
    untold, divergence = 1.0, 0.0
    for text, logprob in mine:
        same = unpaired[text.strip()]
        divergence += _part(math.exp(logprob), same.pop(0) if same else least_theirs)
        untold -= math.exp(logprob)
    untold = max(0.0, untold)
    listed = [probability for same in unpaired.values() for probability in same]
    unlisted = max(LEAST_PROBABILITY, 1 - sum(math.exp(logprob) for _, logprob in theirs))
    # None of these is likelier than the server's last one; within that limit, assume the least divergence.
    share = min(untold * sum(listed) / (sum(listed) + unlisted), len(listed) * math.exp(mine[-1][1]))
    return divergence + _part(share, sum(listed)) + _part(untold - share, unlisted)


def _part(mine: float, theirs: float) -> float:
    """What one part of two distributions adds to their divergence."""
    return mine * math.log(mine / max(theirs, LEAST_PROBABILITY)) if mine > 0 else 0.0
