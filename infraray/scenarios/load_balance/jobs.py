"""Jobs: arrival times and sizes, drawn from a task's seed or cut from a user's trace."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from infraray.csv_file import columns_of, csv_rows
from infraray.errors import InfrarayError
from infraray.file_content import parsed_once
from infraray.observation import NEVER
from infraray.scenarios.load_balance.parameters import LoadBalanceParameters

LARGEST = 1e15
"""Largest time or size in a trace; larger values count as an error in the file."""


class Jobs(NamedTuple):
    """Arrival times in seconds (ascending) and sizes in work units, both of shape ``(num_jobs,)``."""

    arrivals: NDArray[np.float64]
    sizes: NDArray[np.float64]


def generate_jobs(parameters: LoadBalanceParameters, seed: int) -> Jobs:
    """Draws a task's jobs; equal seeds give equal jobs.

    Raises:
        InfrarayError: the trace cannot be read, or is shorter than an episode.
    """
    random = np.random.default_rng([seed, 0x10AD])
    count = parameters.num_jobs
    window = None
    if parameters.trace is not None:
        trace = load_trace(parameters.trace)
        if len(trace.arrivals) < count:
            raise InfrarayError(
                f"load_balance: trace={parameters.trace!r}: holds {len(trace.arrivals)} jobs, but {count} are needed; "
                "lower warmup_steps or scored_steps"
            )
        start = int(random.integers(len(trace.arrivals) - count + 1))
        window = Jobs(trace.arrivals[start : start + count], trace.sizes[start : start + count])
    if parameters.job_sizes == "trace":
        assert window is not None
        sizes = window.sizes
        mean_size = float(load_trace(str(parameters.trace)).sizes.mean())
    else:
        sizes = draw_sizes(parameters, random, count)
        mean_size = parameters.mean_job_size
    if parameters.arrivals == "trace":
        assert window is not None
        arrivals = window.arrivals - window.arrivals[0]
    else:
        rate = parameters.utilisation * float(parameters.rates.sum()) / mean_size
        bursty = parameters.arrivals == "bursty"
        gaps = _bursty_gaps(parameters, random, rate, count) if bursty else random.exponential(1 / rate, count)
        arrivals = np.cumsum(gaps)
    return Jobs(arrivals, sizes)


def draw_sizes(parameters: LoadBalanceParameters, random: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Draws job sizes in work units with mean ``mean_job_size``; a trace is drawn from with replacement."""
    mean = parameters.mean_job_size
    if parameters.job_sizes == "pareto":
        shape = parameters.pareto_shape
        return (random.pareto(shape, count) + 1) * (mean * (shape - 1) / shape)
    if parameters.job_sizes == "lognormal":
        sigma = parameters.lognormal_sigma
        return random.lognormal(np.log(mean) - sigma**2 / 2, sigma, count)
    if parameters.job_sizes == "exponential":
        return random.exponential(mean, count)
    return random.choice(load_trace(str(parameters.trace)).sizes, count)


def largest_size(parameters: LoadBalanceParameters) -> float:
    """Work units that a job exceeds with a probability of at most `NEVER`; the largest allowed for a trace."""
    mean = parameters.mean_job_size
    if parameters.job_sizes == "pareto":
        shape = parameters.pareto_shape
        return mean * (shape - 1) / shape * math.pow(NEVER, -1 / shape)
    if parameters.job_sizes == "lognormal":
        sigma = parameters.lognormal_sigma
        return mean * math.exp(sigma * NormalDist().inv_cdf(1 - NEVER) - sigma**2 / 2)
    return -mean * math.log(NEVER) if parameters.job_sizes == "exponential" else LARGEST


def _bursty_gaps(
    parameters: LoadBalanceParameters, random: np.random.Generator, rate: float, count: int
) -> NDArray[np.float64]:
    """Gaps in seconds of a two-state Markov-modulated Poisson process with mean rate ``rate``.

    In state s, arrivals come at rate a_s and the state is left at rate q_s; whichever comes
    first happens. The state at time 0 is drawn from its stationary distribution.
    """
    share = parameters.burst_share
    calm_rate = rate / (1 - share + share * parameters.burst_factor)
    arrival_rates = (calm_rate, calm_rate * parameters.burst_factor)
    leave_burst = arrival_rates[1] / parameters.burst_length
    leave_rates = (leave_burst * share / (1 - share), leave_burst)
    gaps = np.empty(count)
    state = int(random.random() < share)
    waited, done = 0.0, 0
    while done < count:
        total = arrival_rates[state] + leave_rates[state]
        waited += random.exponential(1 / total)
        if random.random() * total < arrival_rates[state]:
            gaps[done] = waited
            waited, done = 0.0, done + 1
        else:
            state = 1 - state
    return gaps


@parsed_once("load_balance", keep=8)
def load_trace(name: str, content: bytes) -> Jobs:
    """Reads a CSV trace with a header and columns ``arrival_s`` and ``size`` from ``load_trace(path)``.

    Raises:
        InfrarayError: one line with the file, the line and what is wrong.
    """
    rows = csv_rows(name, content)
    header_line, header = next(rows, (1, []))
    columns = columns_of(name, header, ("arrival_s", "size"), header_line)
    found: list[tuple[float, float]] = []
    for line, cells in rows:
        try:
            arrival, size = (float(cells[column]) for column in columns)
        except (ValueError, IndexError):
            raise InfrarayError(f"{name}:{line}: {','.join(cells)[:60]!r} does not hold two numbers") from None
        if not (abs(arrival) <= LARGEST and 0 < size <= LARGEST):
            raise InfrarayError(f"{name}:{line}: size must be above 0 and both must be finite, at most {LARGEST:.0e}")
        if found and arrival < found[-1][0]:
            raise InfrarayError(f"{name}:{line}: arrival_s goes back in time; sort the file by it")
        found.append((arrival, size))
    if not found:
        raise InfrarayError(f"{name}: holds no jobs")
    table = np.array(found)
    return Jobs(table[:, 0].copy(), table[:, 1].copy())
