"""Detects texts that the model would not have generated.

For each token of the server's answers to measured requests, the reference computes how much likelier its own choice in
that place would have been. Greedy decoding takes the likeliest token
each time: for the same model the gap is zero, or nearly so where rounding decided between two.
8-bit formats change the choice in 1 to 4 tokens of 100 and 4-bit formats in 5 to 10, almost always
between tokens that are about as likely as each other. Canned text, a smaller model or a truncated prompt leaves gaps
of more than one nat (a token less than 37 % as likely as the best) at a large part of the tokens.

The measure is the share of such tokens, minus that in the reference's own texts to the same
requests: this accounts for sampling, if the workload samples, and for changes from re-encoding a text. It examines the
measured requests themselves, in every traffic, so that no server can use a different model for them than for the
probes, or for repeated requests.

A finding also needs four standard errors of the difference, computed as if the server produced such tokens as often as
the reference does. Tokens of one text are correlated, so the error is that of the shares between the reference's
texts, and no smaller than for independent tokens.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from infraray.scenarios.inference.integrity.evidence import Evidence
from infraray.scenarios.inference.integrity.finding import Finding, NotChecked

GAP = 1.0
"""Gap in nats to the likeliest token from which a token counts as improbable."""
SHARE = 0.1
"""Share of tokens that may be improbable beyond that in the reference's own texts."""
STANDARD_ERRORS = 4.0
LEAST_TOKENS = 64


def check(evidence: Evidence) -> Finding | None:
    """Compares the shares."""
    if evidence.opinion is None:
        raise NotChecked("the reference was not asked about the texts")
    mine, theirs = (
        [
            (sum(token.gap > GAP for token in pair[side]), len(pair[side]))
            for pair in evidence.opinion.timed
            if pair[side]
        ]
        for side in (0, 1)
    )
    tokens, reference_tokens = (sum(length for _, length in texts) for texts in (mine, theirs))
    if min(tokens, reference_tokens) < LEAST_TOKENS:
        raise NotChecked(f"the measured texts have only {min(tokens, reference_tokens)} tokens that can be compared")
    share, (reference, error) = _share(mine)[0], _share(theirs)
    error *= math.sqrt(1 + reference_tokens / tokens)
    if share - reference <= max(SHARE, STANDARD_ERRORS * error):
        return None
    return Finding(
        "improbable_text",
        f"the model would not have said {share:.0%} of {tokens} tokens of the measured answers; of the reference's "
        f"own answers {reference:.0%}",
        {"share": share, "reference_share": reference, "tokens": tokens},
    )


def _share(texts: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """The share of improbable tokens over texts (improbable, all), and its standard error."""
    count = sum(length for _, length in texts)
    share = sum(improbable for improbable, _ in texts) / count
    alone = math.sqrt(share * (1 - share) / count)
    if len(texts) < 2:
        return share, alone
    between = math.sqrt(sum((improbable - share * length) ** 2 for improbable, length in texts)) / count
    return share, max(alone, between * math.sqrt(len(texts) / (len(texts) - 1)))
