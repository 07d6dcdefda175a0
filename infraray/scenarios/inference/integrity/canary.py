"""Answers that do not depend on the prompt.

Pairs of prompts differ in a random code alone, at the beginning or at the end of a document, and
ask for it. Where the reference's two answers differ, those of any server with the same model
differ too: rounding may move single words, but does not make two texts of 48 tokens equal. So an
honest server differs in all of these pairs, and a finding needs half of them equal. Pairs that
the reference itself answers equally (a model too weak to see the code) say nothing.
"""

from __future__ import annotations

from infraray.scenarios.inference.integrity.evidence import Evidence
from infraray.scenarios.inference.integrity.finding import Finding, NotChecked

SHARE = 0.5
"""Of the pairs that say something, that may be equal."""
LEAST_PAIRS = 3


def check(evidence: Evidence) -> Finding | None:
    """Counts the pairs with equal answers."""
    if evidence.probes is None or evidence.opinion is None:
        raise NotChecked("server and reference were not asked the canaries")
    told = [
        (mine[0].text, mine[1].text)
        for mine, theirs in zip(evidence.probes.canaries, evidence.opinion.canary_texts, strict=True)
        if theirs[0] != theirs[1] and not any(response.failure for response in mine)
    ]
    if len(told) < LEAST_PAIRS:
        raise NotChecked(f"only {len(told)} of {len(evidence.probes.canaries)} pairs of canaries say something")
    equal = sum(first == second for first, second in told)
    if equal <= SHARE * len(told):
        return None
    return Finding(
        "canary",
        f"{equal} of {len(told)} pairs of prompts with different codes got the same answer, where the reference "
        "answers each differently",
        {"equal": equal, "pairs": len(told)},
    )
