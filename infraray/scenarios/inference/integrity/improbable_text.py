"""Texts that the model would not have said.

The reference looks at each token of the server's answers to measured requests and says how much
likelier its own choice in that place would have been. Greedy decoding takes the likeliest token
each time: for the same model the gap is zero, or nearly so where rounding decided between two.
8-bit formats change the choice in 1 to 4 tokens of 100 and 4-bit formats in 5 to 10, almost always
between tokens that are about as likely as each other. Canned text, a smaller model and a prompt that
was cut short leave gaps of more than one nat (a token less than 37 % as likely as the best) in a
large part of the tokens.

The measure is the share of such tokens, minus that in the reference's own texts to the same
requests: it takes care of sampling, where the workload samples, and of what encoding a text anew
changes by itself. It looks at the measured requests themselves, and at those of every traffic, so that
no server can answer them with another model than the probes, or once they come again.
"""

from __future__ import annotations

from statistics import fmean

from infraray.scenarios.inference.integrity.evidence import Evidence
from infraray.scenarios.inference.integrity.finding import Finding, NotChecked

GAP = 1.0
"""Nats between a token and the likeliest from which it counts as improbable."""
SHARE = 0.1
"""Of the tokens, that may be improbable beyond those in the reference's own texts."""
LEAST_TOKENS = 64


def check(evidence: Evidence) -> Finding | None:
    """Compares the shares."""
    if evidence.opinion is None:
        raise NotChecked("the reference was not asked about the texts")
    mine, theirs = ([token.gap > GAP for pair in evidence.opinion.timed for token in pair[side]] for side in (0, 1))
    if min(len(mine), len(theirs)) < LEAST_TOKENS:
        raise NotChecked(f"the measured texts have only {min(len(mine), len(theirs))} tokens that can be compared")
    share, reference = fmean(mine), fmean(theirs)
    if share - reference <= SHARE:
        return None
    return Finding(
        "improbable_text",
        f"the model would not have said {share:.0%} of {len(mine)} tokens of the measured answers; of the reference's "
        f"own answers {reference:.0%}",
        {"share": share, "reference_share": reference, "tokens": len(mine)},
    )
