"""Steps: levels drawn uniformly from the range, each held for an exponential time of at least a second."""

from __future__ import annotations

import numpy as np

from infraray.scenarios.abr.generators.durations import fill
from infraray.scenarios.abr.parameters import AdaptiveBitrateParameters
from infraray.scenarios.abr.trace import Trace


def generate(parameters: AdaptiveBitrateParameters, random: np.random.Generator) -> Trace:
    """A trace with one segment per level."""
    durations = fill(parameters.trace_length_s, (parameters.step_length_s,), random)
    return Trace.of(durations, random.uniform(parameters.lowest_mbps, parameters.highest_mbps, len(durations)))
