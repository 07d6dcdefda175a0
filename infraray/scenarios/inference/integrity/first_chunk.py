"""A first chunk that is sent before the prompt is read.

InferenceBench (appendix F, example 7) found servers that stream a blank at once and begin to work
afterwards. So long and short prompts, all new and one at a time, are compared: what a longer
prompt costs must pass before the first chunk. Afterwards each step is slower only by the attention
to a longer context, one part in the prompt's length of what reading the prompt costs: well below
a tenth. The finding needs half as much after the first chunk as before it, in the medians, and
three times the spread of the single times.

A server that is so fast that the difference drowns in noise is not flagged here; it cannot fake
much, and the physical limits hold for it too.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from infraray.scenarios.inference.integrity.evidence import Evidence
from infraray.scenarios.inference.integrity.finding import Finding, NotChecked
from infraray.scenarios.inference.responses import Response

SHARE = 1 / 3
"""Of what a longer prompt costs, that may pass after the first chunk."""
SPREADS = 3.0
LEAST_S = 2e-3
"""Below this, the clock, the network and the scheduler of the operating system decide."""
LEAST_PROBES = 4


def check(evidence: Evidence) -> Finding | None:
    """Looks where the time goes that a longer prompt costs."""
    if evidence.probes is None:
        raise NotChecked("the server was not probed")
    groups = [
        [response for response in group if response.failure is None]
        for group in (evidence.probes.short, evidence.probes.long)
    ]
    if min(map(len, groups)) < LEAST_PROBES:
        raise NotChecked(f"only {min(map(len, groups))} prompts of one length were answered")
    before, _ = _growth([[_first(response) for response in group] for group in groups])
    after, spread = _growth([[_rest(response) for response in group] for group in groups])
    if after <= max(LEAST_S, SPREADS * spread, SHARE * (max(0.0, before) + after)):
        return None
    tokens = [round(median(response.prompt_tokens or 0 for response in group)) for group in groups]
    return Finding(
        "first_chunk",
        f"a prompt of {tokens[1]} tokens rather than {tokens[0]} delays the first chunk by {before * 1e3:.1f} ms and "
        f"what follows it by {after * 1e3:.1f} ms: the prompt is read after the first chunk was sent",
        {"before_s": before, "after_s": after, "spread_s": spread},
    )


def _growth(groups: Sequence[Sequence[float]]) -> tuple[float, float]:
    """The difference of the medians, and the larger of the groups' spreads (median absolute deviation)."""
    short, long = map(median, groups)
    spread = max(median(abs(value - median(group)) for value in group) for group in groups)
    return long - short, 1.4826 * spread


def _first(response: Response) -> float:
    assert response.sent_s is not None
    return response.text_times_s[0] - response.sent_s


def _rest(response: Response) -> float:
    assert response.last_s is not None
    return response.last_s - response.text_times_s[0]
