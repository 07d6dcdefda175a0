"""Token counts that the texts do not bear out.

The server's usage is checked against our own count of the text, relative to what the reference
server's texts give for the same requests. The two may differ on any honest server: tokens that end
a sequence leave no text when they are ignored, and what was generated need not be what the text
encodes to. But they differ in the same way for whoever runs the same model, so that the mean
difference between server and reference is noise around zero: it must exceed `SHORTFALL` and five
standard errors. Prompts are counted exactly by both; `PROMPT_SLACK` covers another chat template.
"""

from __future__ import annotations

import math
from statistics import fmean, stdev

from infraray.scenarios.inference.integrity.evidence import Evidence
from infraray.scenarios.inference.integrity.finding import Finding, NotChecked
from infraray.scenarios.inference.responses import Response

SHORTFALL = 0.1
"""Tokens of text per claimed token, by which an honest server's mean stays within the reference's."""
STANDARD_ERRORS = 5.0
LEAST_PAIRS = 4
PROMPT_SLACK = 32
"""Tokens of a chat template: system prompts and marks that engines add."""


def check(evidence: Evidence) -> Finding | None:
    """Compares output tokens with the texts, and prompt tokens with the prompts."""
    if not evidence.successes:
        raise NotChecked("no request succeeded")
    return _prompts(evidence) or _outputs(evidence)


def _prompts(evidence: Evidence) -> Finding | None:
    for response in evidence.successes:
        sent, said = evidence.requests[response.request].prompt_tokens, response.prompt_tokens
        if said is not None and abs(said - sent) > PROMPT_SLACK + sent // 100:
            return Finding(
                "token_counts",
                f"the server says that the prompt of request {response.request} has {said} tokens; it has {sent}",
                {"prompt_tokens": sent, "claimed_prompt_tokens": said},
            )
    return None


def _outputs(evidence: Evidence) -> Finding | None:
    reference = {response.request: response for response in evidence.reference if response.failure is None}
    pairs = [
        (response, reference[response.request]) for response in evidence.successes if response.request in reference
    ]
    if len(pairs) < LEAST_PAIRS:
        raise NotChecked(f"only {len(pairs)} requests were answered by both server and reference")
    shortfalls = [_text_ratio(theirs) - _text_ratio(mine) for mine, theirs in pairs]
    shortfall, error = fmean(shortfalls), stdev(shortfalls) / math.sqrt(len(shortfalls))
    if shortfall <= max(SHORTFALL, STANDARD_ERRORS * error):
        return None
    mine, theirs = (fmean(map(_text_ratio, answers)) for answers in zip(*pairs, strict=True))
    return Finding(
        "token_counts",
        f"the texts hold {mine:.0%} of the tokens that the server claims; the reference's texts hold {theirs:.0%} "
        f"over the same {len(pairs)} requests",
        {"text_ratio": mine, "reference_text_ratio": theirs, "shortfall": shortfall, "standard_error": error},
    )


def _text_ratio(response: Response) -> float:
    claimed = response.asked_tokens if response.output_tokens is None else response.output_tokens
    return response.text_tokens / max(1, claimed)
