"""Drop-outs: a steady link that occasionally carries nothing at all, as in a tunnel.

The steady throughput is drawn once per task from the upper half of the range; the times between and within outages are
exponential and last at least a second. The trace begins with the link up.
"""

from __future__ import annotations

import numpy as np

from infraray.scenarios.abr.generators.durations import fill
from infraray.scenarios.abr.parameters import AdaptiveBitrateParameters
from infraray.scenarios.abr.trace import Trace


def generate(parameters: AdaptiveBitrateParameters, random: np.random.Generator) -> Trace:
    """A trace of segments that are alternately up and down."""
    middle = (parameters.lowest_mbps + parameters.highest_mbps) / 2
    steady = random.uniform(middle, parameters.highest_mbps)
    means = (parameters.dropout_interval_s, parameters.dropout_length_s)
    durations = fill(parameters.trace_length_s, means, random)
    return Trace.of(durations, np.where(np.arange(len(durations)) % 2, 0.0, steady))
