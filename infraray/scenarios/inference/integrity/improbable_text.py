"""Texts that the model would not have said.

Greedy decoding takes the likeliest token each time. So the reference looks at each token of the
server's texts and says how much likelier its own choice would have been. For the same model the
gap is zero, or nearly so where rounding decided between two: 8-bit formats change the choice in 1
to 3 tokens of 100 and 4-bit formats in 5 to 10, almost always between tokens that are nearly as
likely as each other. Canned text, a smaller model and a prompt that was cut short leave gaps of
more than one nat (a token less than 37 % as likely as the best) in a large part of the tokens.

The measure is the share of such tokens in the server's texts, minus that in the reference's own
texts to the same requests, which takes care of what encoding a text anew changes by itself. It is
taken over the measured requests, so that a server cannot answer probes with another model than
those, and over the canaries.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from infraray.scenarios.inference.integrity.evidence import Evidence
from infraray.scenarios.inference.integrity.finding import Finding, NotChecked
from infraray.scenarios.inference.integrity.opinion import Likelihoods

GAP = 1.0
"""Nats between a token and the likeliest from which it counts as improbable."""
SHARE = 0.1
"""Of the tokens, that may be improbable beyond those in the reference's own texts."""
LEAST_TOKENS = 64


def check(evidence: Evidence) -> Finding | None:
    """Compares the texts of greedy requests."""
    if evidence.opinion is None:
        raise NotChecked("the reference was not asked about the texts")
    groups = {"canaries": evidence.opinion.canaries}
    if evidence.workload.temperature == 0:
        groups = {"measured requests": evidence.opinion.timed, **groups}
    for name, pairs in groups.items():
        found = _compare(name, pairs)
        if found is not None:
            return found
    return None


def _compare(name: str, pairs: Sequence[tuple[Likelihoods, Likelihoods]]) -> Finding | None:
    texts = [[token.gap > GAP for text in side for token in text] for side in zip(*pairs, strict=True)]
    if not texts or min(map(len, texts)) < LEAST_TOKENS:
        raise NotChecked(f"the texts of the {name} have too few tokens that can be compared")
    share, reference = map(fmean, texts)
    if share - reference <= SHARE:
        return None
    return Finding(
        "improbable_text",
        f"the model would not have said {share:.0%} of the {len(texts[0])} tokens that the server answered to "
        f"{name}; of the reference's own answers {reference:.0%}",
        {"share": share, "reference_share": reference, "tokens": len(texts[0])},
    )
