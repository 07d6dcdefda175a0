"""Detects a first chunk that is sent before the prompt is read.

InferenceBench (appendix F, example 7) found servers that stream a blank at once and only then begin to work. So long
and short prompts are compared, all new and one at a time: the additional cost of a longer prompt must come before the
first chunk. Afterwards each step is slower only by the attention to a longer context, the cost of reading the prompt
divided by its length; for the few tokens of an answer, that is well below a tenth. A finding needs a larger delay
after the first chunk than before it.

Times are the shortest of several, since other activity on a machine only adds to them. In addition, the shortest time
after a long prompt's first chunk must exceed three quarters of those after a short prompt's, which happens by chance
in one of 2,800 cases with `probes.TIMED` of each. If a longer prompt costs next to nothing, next to nothing can be
faked, and nothing is found.

An answer without text, which a model may give to any prompt, has a first chunk too; if that is its only chunk it is of
no use here, and another prompt was asked instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import median

from infraray.load.responses import Response
from infraray.scenarios.inference.integrity.evidence import Evidence
from infraray.scenarios.inference.integrity.finding import Finding, NotChecked

LEAST_S = 2e-3
"""Seconds below which the clock, the network and the operating system's scheduler dominate."""
LEAST_PROBES = 8


def check(evidence: Evidence) -> Finding | None:
    """Determines where the additional time of a longer prompt goes."""
    if evidence.probes is None:
        raise NotChecked("the server was not probed")
    short, long = (
        [response for response in group if response.began_s is not None]
        for group in (evidence.probes.short, evidence.probes.long)
    )
    if min(len(short), len(long)) < LEAST_PROBES:
        raise NotChecked(f"only {min(len(short), len(long))} prompts of one length got answers that can be timed")

    def costs(time_s: Callable[[Response], float]) -> float:
        return min(map(time_s, long)) - min(map(time_s, short))

    before, after = costs(_first_s), costs(_rest_s)
    rests = sorted(map(_rest_s, short))
    if after <= max(LEAST_S, before) or min(map(_rest_s, long)) <= rests[math.ceil(0.75 * len(rests)) - 1]:
        return None
    tokens = [round(median(response.prompt_tokens or 0 for response in group)) for group in (short, long)]
    return Finding(
        "first_chunk",
        f"a prompt of {tokens[1]} tokens rather than {tokens[0]} delays the first chunk by {before * 1e3:.1f} ms and "
        f"what follows it by {after * 1e3:.1f} ms: the prompt is read after the first chunk was sent",
        {"before_s": before, "after_s": after},
    )


def _first_s(response: Response) -> float:
    assert response.sent_s is not None and response.began_s is not None
    return response.began_s - response.sent_s


def _rest_s(response: Response) -> float:
    assert response.last_s is not None and response.began_s is not None
    return response.last_s - response.began_s
