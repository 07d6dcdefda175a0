"""The link of a task: a trace, generated or from a file, and the player's start time in it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from infraray.errors import InfrarayError
from infraray.scenarios.abr.generators import cellular, dropout, markov, step
from infraray.scenarios.abr.parameters import AdaptiveBitrateParameters
from infraray.scenarios.abr.trace import Trace
from infraray.scenarios.abr.trace_files import load_trace

UNLIMITED = 1e12

GENERATORS = {
    "markov": markov.generate,
    "step": step.generate,
    "dropout": dropout.generate,
    "cellular": cellular.generate,
}


class Link(NamedTuple):
    """A trace and the second in it at which the first chunk is requested."""

    trace: Trace
    start_s: float


def draw_link(parameters: AdaptiveBitrateParameters, seed: int) -> Link:
    """The link of a task; equal seeds give equal links.

    Raises:
        InfrarayError: a trace's file cannot be read or holds no trace.
    """
    random = np.random.default_rng([seed, 0x11])
    if parameters.throughput != "file":
        return Link(GENERATORS[parameters.throughput](parameters, random), 0.0)
    files = parameters.trace_files()
    if not files:
        raise InfrarayError(f"abr: trace={parameters.trace!r}: this directory holds no files")
    trace = load_trace(files[int(random.integers(len(files)))])
    return Link(trace, float(random.random()) * trace.duration_s)


def extremes(parameters: AdaptiveBitrateParameters, largest_mbit: float) -> tuple[float, float]:
    """Upper bounds on the seconds that a chunk of up to ``largest_mbit`` takes, and on its Mbit/s.

    A link from files or with drop-outs has no such limits; the values are then merely finite.
    """
    rounding = 1 + 1e-9
    share, noise = parameters.payload_share, parameters.delay_noise
    fastest = UNLIMITED if parameters.throughput == "file" else parameters.highest_mbps * share / (1 - noise)
    if parameters.throughput in ("file", "dropout"):
        return UNLIMITED, fastest * rounding
    slowest = (largest_mbit / share / parameters.lowest_mbps + parameters.link_rtt_s) * (1 + noise)
    return slowest * rounding, fastest * rounding
