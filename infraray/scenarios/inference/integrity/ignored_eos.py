"""Outputs that are shorter than asked for.

With ``ignore_eos`` every output has exactly the length that its request asks for (InferenceBench,
appendix A.3), whatever the model would like to say; honest servers obey in every request, so there
is no tolerance. A server that stops early generates less than the others that it is compared with,
even where it says so. The sole answers that may be short are those that failed.
"""

from __future__ import annotations

from infraray.scenarios.inference.integrity.evidence import Evidence
from infraray.scenarios.inference.integrity.finding import Finding, NotChecked


def check(evidence: Evidence) -> Finding | None:
    """Counts the answers of the wrong length."""
    if not evidence.workload.ignore_eos:
        return None
    responses = [response for traffic in evidence.traffics for response in traffic]
    ended = [response for response in responses if response.failure in (None, "wrong_length") or response.silent]
    if not ended:
        raise NotChecked("no answer came to its end")
    # A model that says nothing says it for as long as it is asked to.
    wrong = [one for one in ended if one.failure == "wrong_length" or (one.silent and one.tokens < one.asked_tokens)]
    if not wrong:
        return None
    got, asked = sum(response.tokens for response in wrong), sum(response.asked_tokens for response in wrong)
    return Finding(
        "ignored_eos",
        f"{len(wrong)} of {len(ended)} outputs have another length than asked for: {got} tokens instead of {asked}",
        {"wrong": len(wrong), "answers": len(ended), "tokens": got, "asked_tokens": asked},
    )
