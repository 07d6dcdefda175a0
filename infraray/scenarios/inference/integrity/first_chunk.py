"""A first chunk that is sent before the prompt is read.

InferenceBench (appendix F, example 7) found servers that stream a blank at once and begin to work
afterwards. So long and short prompts, all new and one at a time, are compared: what a longer
prompt costs must pass before the first chunk. Afterwards each step is slower only by the attention
to a longer context, one part in the prompt's length of what reading the prompt costs: for the few
tokens of an answer, well below a tenth. A finding needs more after the first chunk than before it.

Times are the shortest of several, since whatever else happens on a machine only adds to them; and
the shortest time after a long prompt's first chunk must be longer than three quarters of those
after a short prompt's, which chance alone gives in one of 2,800 cases with `probes.TIMED` of each.
Where a longer prompt costs next to nothing, next to nothing can be faked, and nothing is found.

An answer without text, which a model may give to any prompt, has a first chunk too; where it has no more than
one chunk it says nothing here, and another prompt was asked in its place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import median

from infraray.load.responses import Response
from infraray.scenarios.inference.integrity.evidence import Evidence
from infraray.scenarios.inference.integrity.finding import Finding, NotChecked

LEAST_S = 2e-3
"""Below this, the clock, the network and the scheduler of the operating system decide."""
LEAST_PROBES = 8


def check(evidence: Evidence) -> Finding | None:
    """Looks where the time goes that a longer prompt costs."""
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
