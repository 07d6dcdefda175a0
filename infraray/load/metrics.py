"""Latencies, throughput and scores of a measurement, each with its formula and its source.

For a request *i* with due time d, sending s, first text f, last token l (the event with the finish
reason), end e and n output tokens:

| metric | formula | source |
|---|---|---|
| TTFT | f - d | InferenceBench, appendix A.5, which counts from s |
| TPOT | (l - f) / (n - 1) for n > 1 | appendix A.5, which takes the end e for l |
| ITL | gaps between the arrival times of text | appendix A.5 |
| E2E | l - d | |
| request throughput | successes / wall time | appendix A.5 |
| output throughput | sum of n / wall time | |
| generation throughput | sum of (n - 1) / sum of (l - f) | appendix A.5, whose numerator is the sum of n |
| goodput | successes that meet the service level / wall time | Zhong et al., "DistServe", 2024 |
| balanced score | (1 / mean TTFT x 1 / mean TPOT x request throughput)^(1/3), in s and requests/s | appendix A.5 |

Wall time runs from the start of the schedule to the last end, failures included. Only successes count in all metrics.

The convention ``paper`` is only for comparison with InferenceBench's published figures; every measurement has its
score too. Where appendix A.5 and the code behind the figures differ, it follows the code:

| what | ``infraray`` | appendix A.5 | the code, and ``paper`` |
|---|---|---|---|
| a request's clock | from d, when it was due | from s | from s |
| its end | l | e | e |
| TTFT and TPOT over requests | mean | mean, and percentiles | median, in scores of all objectives |
| wall time | from the schedule's start | from an unspecified start | from the first s |
| requests in the request throughput | successes | completed | all, failures too |
| a wrong length, a text without a finish reason | a failure | unspecified | a success |
| numerator of the generation throughput | n - 1 | n | n |
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import geometric_mean
from typing import Any, Literal

import numpy as np

from infraray.errors import InfrarayError
from infraray.load.responses import Response
from infraray.load.workloads import Objective, ServiceLevel

Convention = Literal["infraray", "paper"]
"""Where clocks start and how values are averaged; see the module."""


@dataclass(frozen=True)
class Distribution:
    """Mean and percentiles (linear interpolation) of ``count`` values; NaN if there are none."""

    count: int
    mean: float
    p50: float
    p90: float
    p99: float
    max: float


def distribution(values: Sequence[float]) -> Distribution:
    """Summarises values."""
    if not values:
        return Distribution(0, *[math.nan] * 5)
    array = np.asarray(values)
    p50, p90, p99 = np.percentile(array, (50, 90, 99)).tolist()
    return Distribution(len(values), float(array.mean()), p50, p90, p99, float(array.max()))


@dataclass(frozen=True)
class Metrics:
    """The metrics of one traffic of a workload; latencies in s.

    Args:
        requests: the number of requests to send.
        completed: the number that succeeded.
        failures: the number of failures by kind.
        wall_s: time from the start, as defined by `Convention`, to the last end.
        ttft_s: time to first token.
        tpot_s: time per output token.
        itl_s: inter-token latency.
        e2e_s: time to the last token.
        ttft_from_send_s: time to first token without the client's queueing.
        e2e_from_send_s: the same for the last token.
        request_throughput: requests/s.
        output_throughput: tokens/s of all requests together.
        generation_throughput: tokens/s of one request while it decodes.
        goodput: requests/s that met the service level; None if there is none.
    """

    requests: int
    completed: int
    failures: Mapping[str, int]
    wall_s: float
    ttft_s: Distribution
    tpot_s: Distribution
    itl_s: Distribution
    e2e_s: Distribution
    ttft_from_send_s: Distribution
    e2e_from_send_s: Distribution
    request_throughput: float
    output_throughput: float
    generation_throughput: float
    goodput: float | None

    def to_json(self) -> dict[str, Any]:
        """The metrics as plain values; non-finite numbers become null."""
        written: dict[str, Any] = plain(asdict(self))
        return written


@dataclass(frozen=True)
class Latencies:
    """The latencies of a traffic's successes, in s; see the module for the formulas.

    Args:
        ttft_s: one per request.
        tpot_s: one per request of more than one token.
        itl_s: one per gap between two texts.
        e2e_s: one per request.
        ttft_from_send_s: one per request.
        e2e_from_send_s: one per request.
    """

    ttft_s: list[float]
    tpot_s: list[float]
    itl_s: list[float]
    e2e_s: list[float]
    ttft_from_send_s: list[float]
    e2e_from_send_s: list[float]


def latencies(done: Sequence[Response]) -> Latencies:
    """Applies the formulas of this module to successes."""
    return Latencies(
        ttft_s=[_first(one) - one.due_s for one in done],
        tpot_s=[(_last(one) - _first(one)) / (one.tokens - 1) for one in done if one.tokens > 1],
        itl_s=[gap for one in done for gap in np.diff(one.text_times_s).tolist()],
        e2e_s=[_last(one) - one.due_s for one in done],
        ttft_from_send_s=[_first(one) - _sent(one) for one in done],
        e2e_from_send_s=[_last(one) - _sent(one) for one in done],
    )


def compute_metrics(
    responses: Sequence[Response], service_level: ServiceLevel | None = None, convention: Convention = "infraray"
) -> Metrics:
    """Applies the formulas of this module.

    Args:
        responses: those of one traffic, failures included.
        service_level: the requirements of goodput.
        convention: see the module.
    """
    paper = convention == "paper"
    if paper:
        responses = [
            replace(one, due_s=one.due_s if one.sent_s is None else one.sent_s, last_s=one.finished_s)
            for one in responses
        ]
    done = [one for one in responses if one.failure is None or (paper and _succeeds_in_the_paper(one))]
    start = min((one.sent_s for one in responses if one.sent_s is not None), default=0.0) if paper else 0.0
    wall = max((one.finished_s for one in responses), default=start) - start
    tokens = sum(one.tokens for one in done)
    decoded = tokens if paper else sum(max(0, one.tokens - 1) for one in done)
    counted = len(responses) if paper else len(done)
    good = [one for one in done if service_level is not None and _meets(one, service_level)]
    return Metrics(
        requests=len(responses),
        completed=len(done),
        failures=dict(sorted(Counter(one.failure for one in responses if one.failure is not None).items())),
        wall_s=wall,
        **{name: distribution(values) for name, values in vars(latencies(done)).items()},
        request_throughput=_rate(counted, wall),
        output_throughput=_rate(tokens, wall),
        generation_throughput=_rate(decoded, sum(_last(one) - _first(one) for one in done)),
        goodput=None if service_level is None else _rate(len(good), wall),
    )


def score(objective: Objective, traffics: Sequence[Metrics], convention: Convention = "infraray") -> float:
    """The figure by which servers are compared on a workload; 0 or infinite if nothing succeeded.

    - ``ttft``, ``tpot``: in s, lower is better;
    - ``request_throughput``: requests/s, higher is better;
    - ``balanced``: of all three, higher is better.

    ``infraray`` takes the mean of the latencies, as in InferenceBench's paper (appendix A.5); ``paper`` takes their
    median, as its code does.

    Several traffics are averaged geometrically (section 3.2).

    Raises:
        InfrarayError: there is no traffic.
    """
    if not traffics:
        raise InfrarayError("score: no traffic was measured")
    figures = [_figure(objective, metrics, convention) for metrics in traffics]
    if not all(0 < figure < math.inf for figure in figures):
        return 0.0 if higher_is_better(objective) else math.inf
    return geometric_mean(figures)


def higher_is_better(objective: Objective) -> bool:
    """Whether a higher score is better."""
    return objective in ("request_throughput", "balanced")


def plain(value: Any) -> Any:
    """A result as JSON-able values: non-finite numbers become None."""
    if isinstance(value, Mapping):
        return {key: plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _figure(objective: Objective, metrics: Metrics, convention: Convention) -> float:
    if metrics.completed == 0:
        return 0.0
    ttft, tpot = (one.p50 if convention == "paper" else one.mean for one in (metrics.ttft_s, metrics.tpot_s))
    if objective == "ttft":
        return ttft
    if objective == "tpot":
        return tpot
    if objective == "request_throughput":
        return metrics.request_throughput
    return (metrics.request_throughput / (ttft * tpot)) ** (1 / 3) if ttft * tpot > 0 else math.nan


def _succeeds_in_the_paper(response: Response) -> bool:
    """Whether the paper counts a failure as a success: text of any length, with or without a finish reason."""
    return response.failure in ("wrong_length", "incomplete") and bool(response.text_times_s)


def _sent(response: Response) -> float:
    assert response.sent_s is not None  # What succeeded was sent.
    return response.sent_s


def _first(response: Response) -> float:
    return response.text_times_s[0]


def _last(response: Response) -> float:
    assert response.last_s is not None  # What succeeded had a finish reason.
    return response.last_s


def _meets(response: Response, level: ServiceLevel) -> bool:
    first, last = _first(response), _last(response)
    tpot = (last - first) / (response.tokens - 1) if response.tokens > 1 else 0.0
    taken = ((level.ttft_s, first - response.due_s), (level.tpot_s, tpot), (level.e2e_s, last - response.due_s))
    return all(limit is None or seconds <= limit for limit, seconds in taken)


def _rate(count: int, seconds: float) -> float:
    return count / seconds if seconds > 0 else 0.0
