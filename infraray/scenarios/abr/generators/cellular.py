"""Cellular-like throughput: slow shadowing and fast fading, in half-second segments.

The logarithm of throughput follows an Ornstein-Uhlenbeck process (shadowing, forgotten over
``fading_time_s``) that spans the range within two standard deviations, multiplied by the power of a Rayleigh channel
averaged over four independent fades per segment. The shape resembles LTE recordings but is not fitted to any.
"""

from __future__ import annotations

import math

import numpy as np

from infraray.scenarios.abr.parameters import AdaptiveBitrateParameters
from infraray.scenarios.abr.trace import Trace

SEGMENT_S = 0.5
FADES = 4.0


def generate(parameters: AdaptiveBitrateParameters, random: np.random.Generator) -> Trace:
    """A trace of half-second segments."""
    low, high = math.log(parameters.lowest_mbps), math.log(parameters.highest_mbps)
    count = max(1, round(parameters.trace_length_s / SEGMENT_S))
    kept = math.exp(-SEGMENT_S / parameters.fading_time_s)
    noise = random.standard_normal(count) * math.sqrt(1 - kept * kept)
    noise[0] = random.standard_normal()
    shadowing = 0.0
    path = []
    for shock in noise.tolist():
        shadowing = kept * shadowing + shock
        path.append(shadowing)
    mean = (low + high) / 2 + np.array(path) * (high - low) / 4
    rates = np.exp(mean) * random.gamma(FADES, 1 / FADES, count)
    return Trace.of(np.full(count, SEGMENT_S), np.clip(rates, parameters.lowest_mbps, parameters.highest_mbps))
