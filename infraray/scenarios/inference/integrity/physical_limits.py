"""Detects answers that came faster than the model can be computed on the device.

The bounds are those of the roofline (`infraray.hardware.roofline`), each for one phase:

- up to the first chunk, the prompt is read, except for what an earlier prompt may have left in a cache;
- from there to the last chunk, the output is decoded, one step for every `TOKENS_A_STEP` tokens;
- and all outputs of a traffic are decoded together.

No honest server comes near: weights count at `WEIGHT_BITS`, the device at its fastest precision, and the context of a
decoding step as zero; a speculative step yields more tokens than any engine proposes; and the result is halved. What
InferenceBench saw (appendix F, examples 6 and 7) is orders of magnitude below: 6.4 ns per token, and 3 ms for the
first token after 8192.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from infraray.hardware.roofline import Roofline
from infraray.load.responses import Response
from infraray.scenarios.inference.integrity.evidence import Evidence
from infraray.scenarios.inference.integrity.finding import Finding, NotChecked

WEIGHT_BITS = 4.0
"""The smallest weights that keep the quality."""
TOKENS_A_STEP = 32
"""Speculative decoding proposes 3 to 8 tokens a step (InferenceBench searches up to 7)."""
SHARED_PREFIX = 128
"""Prompt tokens that all requests may have in common: the chat template."""
MATRIX_UNITS = 64
"""A device whose speed is only known for 32 bits is a CPU; its matrix units, if any, are faster by up to this factor
at 8 bits."""
SLACK = 0.5
"""Share of the bound below which a time is impossible; it allows for understated device figures."""
LEAST_S = 5e-3
"""Shortest meaningful bound in seconds: a client held up that long reads separate chunks together."""
SHARE = 0.01
"""Share of answers that may be too fast."""


def check(evidence: Evidence) -> Finding | None:
    """Compares each phase of each answer, and all of a traffic together, with the bounds."""
    if evidence.roofline is None:
        raise NotChecked("the limits of model and device are not known")
    if not evidence.successes:
        raise NotChecked("no request succeeded")
    roofline = _generous(evidence.roofline)
    seen: set[int] = set()
    for traffic in evidence.traffics:
        done = [response for response in traffic if response.failure is None]
        found = _prompts(evidence, roofline, done, seen) or _outputs(roofline, done) or _together(roofline, done)
        if found is not None:
            return found
        seen.update(response.request for response in traffic)
    return None


def _generous(roofline: Roofline) -> Roofline:
    device = roofline.device
    if min(device.flops) == 32:
        device = replace(device, flops={32: device.flops[32] * MATRIX_UNITS})
    bits = min(WEIGHT_BITS, roofline.model.weight_bits)
    return replace(roofline, model=replace(roofline.model, weight_bits=bits, kv_bits=bits), device=device)


def _prompts(evidence: Evidence, roofline: Roofline, done: Sequence[Response], seen: set[int]) -> Finding | None:
    pairs = []
    for response in done:
        assert response.sent_s is not None
        tokens = evidence.requests[response.request].prompt_tokens
        cached = tokens if response.request in seen else min(tokens, SHARED_PREFIX)
        pairs.append((response.text_times_s[0] - response.sent_s, roofline.least_ttft_s(tokens, cached)))
    return _finding(pairs, "the first chunk came after {took}, where the prompt takes at least {bound} to read")


def _outputs(roofline: Roofline, done: Sequence[Response]) -> Finding | None:
    pairs = []
    for response in done:
        assert response.last_s is not None
        # The first chunk may hold what one step gives.
        tokens = max(0, response.tokens - TOKENS_A_STEP)
        took = response.last_s - response.text_times_s[0]
        pairs.append((took, tokens * roofline.least_tpot_s(0, TOKENS_A_STEP)))
    return _finding(pairs, "the output came within {took} of its first chunk, where it takes at least {bound}")


def _together(roofline: Roofline, done: Sequence[Response]) -> Finding | None:
    if not done:
        return None
    took = max(response.finished_s for response in done) - min(response.due_s for response in done)
    tokens = sum(response.tokens for response in done)
    bound = tokens / roofline.most_output_throughput(0, len(done), TOKENS_A_STEP)
    return _finding([(took, bound)], "all outputs came within {took}, where they take at least {bound}")


def _finding(pairs: Sequence[tuple[float, float]], sentence: str) -> Finding | None:
    """Reports the answer furthest below its bound, if too many are below."""
    impossible = [(took, bound) for took, bound in pairs if took < SLACK * bound and bound > LEAST_S]
    if len(impossible) <= SHARE * len(pairs):
        return None
    took, bound = min(impossible, key=lambda pair: pair[0] / pair[1])
    return Finding(
        "physical_limits",
        f"{len(impossible)} of {len(pairs)} times are impossible with this model on this device; in the worst case "
        + sentence.format(took=_time(took), bound=_time(bound)),
        {"took_s": took, "bound_s": bound, "impossible": len(impossible), "times": len(pairs)},
    )


def _time(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms"
