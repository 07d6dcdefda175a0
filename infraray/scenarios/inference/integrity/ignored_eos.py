"""Detects outputs of a different length than requested.

With ``ignore_eos`` every output has exactly the length that its request asks for (InferenceBench, appendix A.3), even
if the model would stop earlier; honest servers always obey, so there is no tolerance. A server that stops early
generates less than the others that it is compared with, even if it admits so. Only failed answers may be short.
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
    # Even a model without text generates tokens for as long as requested.
    wrong = [one for one in ended if one.failure == "wrong_length" or (one.silent and one.tokens < one.asked_tokens)]
    if not wrong:
        return None
    got, asked = sum(response.tokens for response in wrong), sum(response.asked_tokens for response in wrong)
    return Finding(
        "ignored_eos",
        f"{len(wrong)} of {len(ended)} outputs have another length than asked for: {got} tokens instead of {asked}",
        {"wrong": len(wrong), "answers": len(ended), "tokens": got, "asked_tokens": asked},
    )
