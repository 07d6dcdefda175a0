"""A task's requests: drawn from its seed, or a window of a trace selected by the seed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from infraray.errors import InfrarayError
from infraray.scenarios.caching.parameters import CachingParameters
from infraray.scenarios.caching.traces import RECORDED_TRACE, Trace, read_trace
from infraray.scenarios.caching.zipf import draw_zipf


class Requests(NamedTuple):
    """The requests, in order.

    Args:
        keys: shape ``(num_requests,)``; objects are numbered 0, 1, 2, ... as they first appear.
        sizes: bytes of the requested object, shape ``(num_requests,)``, the same at each of its requests.
    """

    keys: NDArray[np.int64]
    sizes: NDArray[np.int64]


def generate_requests(parameters: CachingParameters, seed: int) -> Requests:
    """A task's requests; equal seeds give equal requests.

    Raises:
        InfrarayError: the trace cannot be read, or is shorter than an episode.
    """
    random = np.random.default_rng([seed, 0xCAC4E])
    if parameters.workload == "zipf":
        keys, sizes = draw_zipf(parameters, random)
    else:
        trace = _trace(parameters)
        count = parameters.num_requests
        if len(trace.keys) < count:
            raise InfrarayError(
                f"caching: trace={parameters.trace!r}: holds {len(trace.keys)} requests, but {count} are needed; "
                "lower warmup_requests or scored_requests"
            )
        start = int(random.integers(len(trace.keys) - count + 1))
        keys, sizes = trace.keys[start : start + count], trace.sizes[start : start + count]
    return _numbered(keys, sizes)


def _trace(parameters: CachingParameters) -> Trace:
    if parameters.workload == "recorded":
        return read_trace(str(RECORDED_TRACE), "csv")
    return read_trace(str(parameters.trace), parameters.trace_format)


def _numbered(keys: NDArray[np.int64], sizes: NDArray[np.int64]) -> Requests:
    """Numbers the objects in order of first appearance; an object whose size changes keeps its first one."""
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    number = np.empty(len(first), np.int64)
    number[np.argsort(first)] = np.arange(len(first))
    return Requests(number[inverse], sizes[first][inverse])
