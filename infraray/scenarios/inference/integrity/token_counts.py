"""Detects token counts that the texts do not support.

The server's usage is checked against our own count of the text, relative to the same ratio for the reference server on
the same requests. The two may differ on any honest server: ignored end-of-sequence tokens leave no text, and the
generated tokens need not be those that the text encodes to. But they differ in the same way for everyone who runs the
same model, so the mean difference between server and reference is noise around zero; a finding must exceed `SHORTFALL`
and five standard errors.

A server that says little only to some requests inflates the standard error itself. So answers whose text is less than
`LESS` of the reference's, relative to the usage, are counted too. On honest servers this requires an answer that
diverged from the reference's, where rounding decided between two tokens, and a model that then ended only one of them
and continued without text. That is rare, which `RATE` allows for, and happens equally often the other way round: if
some of the reference's answers fall short of the server's, twice as many are expected, since both are random. The
root of such a count has a standard error of one half (Bartlett, 1936), and a finding needs four of them: at least 8
answers of 16, 12 of 64 or 23 of 256. An honest server with 5 answers of 100 in each direction comes there once in
100,000 times, and one or two odd answers never do. Each traffic is counted separately, since equal requests have about
equal answers in all of them.

An answer without text falls short. So may answers to probes: if the server leaves some without text, the reference is
asked them too, and more of the server's must be silent than chance explains.

Prompts are counted exactly by both; `PROMPT_SLACK` allows for a different chat template.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import fmean, stdev

from infraray.load.responses import Response
from infraray.scenarios.inference.integrity.evidence import Evidence
from infraray.scenarios.inference.integrity.finding import Finding, NotChecked

SHORTFALL = 0.1
"""Difference in tokens of text per claimed token within which an honest server's mean stays."""
STANDARD_ERRORS = 5.0
LESS = 0.5
"""Ratio of an answer's text to the reference's below which it falls short."""
RATE = 0.03
"""Share of answers that may fall short by chance if none of the reference's does."""
COUNT_STANDARD_ERRORS = 4.0
LEAST_PAIRS = 4
PROMPT_SLACK = 32
"""Tokens of a chat template: system prompts and marks that engines add."""


def check(evidence: Evidence) -> Finding | None:
    """Compares output tokens with the texts, and prompt tokens with the prompts."""
    if not evidence.successes:
        raise NotChecked("no request succeeded")
    return _prompts(evidence) or _outputs(evidence) or _short_answers(evidence) or _silence(evidence)


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
    pairs = _pairs(evidence, [response for traffic in evidence.traffics for response in traffic])
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


def _short_answers(evidence: Evidence) -> Finding | None:
    for traffic in evidence.traffics:
        ratios = [(_text_ratio(mine), _text_ratio(theirs)) for mine, theirs in _pairs(evidence, traffic)]
        short = sum(mine < LESS * theirs for mine, theirs in ratios)
        reference_short = sum(theirs < LESS * mine for mine, theirs in ratios)
        expected = RATE * len(ratios) + 2 * reference_short
        if short > _most_by_chance(expected):
            return Finding(
                "token_counts",
                f"{short} of {len(ratios)} answers hold less than half of the text of the reference's for as many "
                f"tokens; of the reference's, {reference_short} hold less than half of the server's",
                {"short": short, "reference_short": reference_short, "answers": len(ratios)},
            )
    return None


def _silence(evidence: Evidence) -> Finding | None:
    if evidence.probes is None or evidence.opinion is None:
        return None
    asked, spoken = len(evidence.probes.greedy), evidence.opinion.spoken
    if spoken <= _most_by_chance(RATE * asked):
        return None
    return Finding(
        "token_counts",
        f"{spoken} of {asked} probes got no text, where the reference has one",
        {"silent": spoken, "probes": asked},
    )


def _most_by_chance(expected: float) -> float:
    return (math.sqrt(expected) + COUNT_STANDARD_ERRORS / 2) ** 2


def _pairs(evidence: Evidence, responses: Iterable[Response]) -> list[tuple[Response, Response]]:
    """Answers, including silent ones, paired with the reference's to the same requests."""
    reference = {response.request: response for response in evidence.reference if _ended(response)}
    return [
        (response, reference[response.request])
        for response in responses
        if _ended(response) and response.request in reference
    ]


def _ended(response: Response) -> bool:
    return response.failure is None or response.silent


def _text_ratio(response: Response) -> float:
    claimed = response.asked_tokens if response.output_tokens is None else response.output_tokens
    return response.text_tokens / max(1, claimed)
