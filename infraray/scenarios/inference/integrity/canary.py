"""Answers that do not depend on the prompt, or on a part of it.

Pairs of prompts differ in one passage with a random code, at the beginning or at the end, and ask
for the code. The reference says how much likelier each answer is after its own prompt than after
the other one: the information that the two answers hold about which is which. A server that does
not look at the passage holds none, in the mean. One with the same model holds as much as the
reference's own answers do; rounding and quantisation lose little of it.

A finding needs less than a quarter of the reference's information, by five standard errors of the
difference. Where the reference's own is not that large (a model too weak to see the passage), the
place says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from infraray.scenarios.inference.integrity.evidence import Evidence
from infraray.scenarios.inference.integrity.finding import Finding, NotChecked

SHARE = 0.25
"""Of the reference's information, that an honest server's answers hold at least."""
STANDARD_ERRORS = 5.0
LEAST_PAIRS = 4


def check(evidence: Evidence) -> Finding | None:
    """Compares the information in both places."""
    probes, opinion = evidence.probes, evidence.opinion
    if probes is None or opinion is None:
        raise NotChecked("server and reference were not asked the canaries")
    answered = [
        (canary.place, told)
        for canary, answers, told in zip(probes.plan.canaries, probes.canaries, opinion.canaries, strict=True)
        if not any(response.failure for response in answers)
    ]
    telling = False
    for place in ("beginning", "end"):
        pairs = [told for where, told in answered if where == place]
        if len(pairs) < LEAST_PAIRS:
            raise NotChecked(f"only {len(pairs)} pairs of canaries were answered")
        mine, theirs = zip(*pairs, strict=True)
        telling |= fmean(theirs) > STANDARD_ERRORS * _error(theirs, theirs)
        difference = fmean(theirs) - fmean(mine)
        if fmean(mine) < SHARE * fmean(theirs) and difference > STANDARD_ERRORS * _error(mine, theirs):
            return Finding(
                "canary",
                f"prompts that differ at the {place} got answers that tell {fmean(mine):.1f} nats about which is "
                f"which, in the mean over {len(pairs)} pairs; the reference's tell {fmean(theirs):.1f}",
                {"information": fmean(mine), "reference_information": fmean(theirs), "pairs": len(pairs)},
            )
    if not telling:
        raise NotChecked("the reference's own answers hardly depend on the canaries")
    return None


def _error(first: Sequence[float], second: Sequence[float]) -> float:
    """The standard error of the difference of two means."""
    return math.sqrt(stdev(first) ** 2 / len(first) + stdev(second) ** 2 / len(second))
