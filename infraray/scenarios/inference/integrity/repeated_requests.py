"""Detects answers that are stored and sent again.

Some requests are sent twice at temperature 1, without a seed. The reference computes how likely the first answer was;
if its probability is below e^-15, a sampling model does not repeat it (one chance in three million per pair). A
finding needs more, since some engines can be made to sample identically each time: the second answer must also have
been streamed in less than half the time of the first. A prefix cache shortens the wait for the first chunk, not the
stream.
"""

from __future__ import annotations

from infraray.load.responses import Response
from infraray.scenarios.inference.integrity.evidence import Evidence
from infraray.scenarios.inference.integrity.finding import Finding, NotChecked

LOG_PROBABILITY = -15.0
FASTER = 0.5
"""Time of the second stream over that of the first, below which it was not generated."""


def check(evidence: Evidence) -> Finding | None:
    """Looks for equal answers that come faster the second time."""
    if evidence.probes is None or evidence.opinion is None:
        raise NotChecked("no request was sent twice")
    pairs = [
        (pair, sum(token.logprob for token in text))
        for pair, text in zip(evidence.probes.repeated, evidence.opinion.repeated, strict=True)
        if not any(response.failure for response in pair)
    ]
    if not pairs:
        raise NotChecked("no request that was sent twice was answered twice")
    for (first, second), logprob in pairs:
        times = _streamed_s(first), _streamed_s(second)
        if first.text == second.text and logprob < LOG_PROBABILITY and times[1] < FASTER * times[0]:
            return Finding(
                "repeated_requests",
                f"a request sent twice at temperature 1 got the same {first.tokens} tokens, streamed in "
                f"{times[0] * 1e3:.1f} ms and then in {times[1] * 1e3:.1f} ms; chance gives them twice with "
                f"probability e^{logprob:.0f}",
                {"first_s": times[0], "second_s": times[1], "log_probability": logprob},
            )
    return None


def _streamed_s(response: Response) -> float:
    assert response.last_s is not None
    return response.last_s - response.text_times_s[0]
