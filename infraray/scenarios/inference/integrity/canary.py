"""Detects answers that do not depend on the prompt, or on part of it.

Pairs of prompts differ in one passage with a random code, at the beginning or at the end, and ask
for the code. The reference computes how much likelier the two answers are after their own prompts than when swapped:
the information they hold about which is which. The answers of a server that ignores the passage hold none on average,
and two equal answers hold exactly none. Those of the same model hold as much as the reference's own; rounding and
quantisation lose little. Silence holds none: where the model has nothing to say, the reference is equally silent.

A pair counts at most `ENOUGH` nats, for or against, so that no single pair decides. A finding needs less than a
quarter of the reference's mean, by four standard errors of the difference. If the reference's own information is too
small for that (a model too weak to notice the passage), a place is inconclusive.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from infraray.scenarios.inference.integrity.evidence import Evidence
from infraray.scenarios.inference.integrity.finding import Finding, NotChecked

ENOUGH = 4.0
"""Nats: odds of fifty to one."""
SHARE = 0.25
"""Share of the reference's information that an honest server's answers hold at least."""
STANDARD_ERRORS = 4.0
LEAST_PAIRS = 8


def check(evidence: Evidence) -> Finding | None:
    """Compares the information in both places."""
    probes, opinion = evidence.probes, evidence.opinion
    if probes is None or opinion is None:
        raise NotChecked("server and reference were not asked the canaries")
    answered = [
        (canary.place, information)
        for canary, answers, information in zip(probes.plan.canaries, probes.canaries, opinion.canaries, strict=True)
        if all(response.failure is None or response.silent for response in answers)
    ]
    for place in ("beginning", "end"):
        pairs = [information for where, information in answered if where == place]
        if len(pairs) < LEAST_PAIRS:
            raise NotChecked(f"only {len(pairs)} pairs of canaries were answered")
        mine, theirs = ([_clipped(pair[side]) for pair in pairs] for side in (0, 1))
        difference = fmean(theirs) - fmean(mine)
        if fmean(mine) < SHARE * fmean(theirs) and difference > STANDARD_ERRORS * _error(mine, theirs):
            return Finding(
                "canary",
                f"prompts that differ at the {place} got answers that tell {fmean(mine):.2f} nats about which is "
                f"which, in the mean over {len(pairs)} pairs; the reference's tell {fmean(theirs):.2f}",
                {"information": fmean(mine), "reference_information": fmean(theirs), "pairs": len(pairs)},
            )
    return None


def _clipped(nats: float) -> float:
    return max(-ENOUGH, min(ENOUGH, nats))


def _error(first: Sequence[float], second: Sequence[float]) -> float:
    """The standard error of the difference of two means."""
    return math.sqrt(stdev(first) ** 2 / len(first) + stdev(second) ** 2 / len(second))
