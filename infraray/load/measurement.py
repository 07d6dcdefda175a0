"""One measurement of a server: warms it up, sends a workload's requests in each traffic, checks and scores."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from infraray.errors import InfrarayError
from infraray.load.arrivals import arrival_times
from infraray.load.clients import clients_needed, load_clients
from infraray.load.generator import Ended, Load
from infraray.load.metrics import (
    Distribution,
    Metrics,
    compute_metrics,
    distribution,
    plain,
    score,
)
from infraray.load.requests import Request, RequestSet
from infraray.load.responses import Response
from infraray.load.target import Target, find_target
from infraray.load.tokenizer import TokenCounter
from infraray.load.workloads import Traffic, Workload

OutputLimit = Literal["max_tokens", "max_completion_tokens"]
"""OpenAI's newer models accept only the second, many servers only the first."""

LAG_THAT_MATTERS = 0.05
"""Ratio of the client's p99 delay to the median time to first token above which metrics are in doubt."""

LEAST_TEXT = 0.9
"""Ratio of the text's tokens to the reported usage below which the usage is in doubt."""


@dataclass(frozen=True)
class ClientLag:
    """The client's own delays, which are part of the latencies but not the server's fault.

    Args:
        send_s: delay from when a request could be sent to when it was.
        receive_s: the longest time that bytes of an answer waited on this machine before they were read.
    """

    send_s: Distribution
    receive_s: Distribution


@dataclass(frozen=True)
class UsageCheck:
    """A comparison of the server's token counts with our own, over the successes.

    Args:
        missing: successes without usage, whose output we count ourselves.
        wrong_prompt: successes whose prompt the server counts differently from the model's tokenizer.
        text_ratio: tokens that the texts encode to, divided by the output tokens that the server claims; NaN if it
            claims none or ours are estimates.
    """

    missing: int
    wrong_prompt: int
    text_ratio: float


@dataclass(frozen=True)
class TrafficMeasurement:
    """The measurement of one traffic, and how far it can be trusted.

    Args:
        traffic: how the requests arrived.
        metrics: latencies and rates.
        input_throughput: prompt tokens/s of all successes together, by the server's count if it has one, else ours.
        client_lag: the client's own delays.
        usage: the check of the token counts.
        warnings: reasons to doubt the metrics, one line each.
        responses: every answer, in the order of the requests.
    """

    traffic: Traffic
    metrics: Metrics
    input_throughput: float
    client_lag: ClientLag
    usage: UsageCheck
    warnings: tuple[str, ...]
    responses: tuple[Response, ...]


@dataclass(frozen=True)
class Measurement:
    """The measurement of a workload.

    Args:
        score: the score by the workload's objective.
        paper_score: the score as InferenceBench's code computes it, for comparison with its published figures.
        traffics: the measurement of each traffic.
        requests_sha256: hash of the requests' content.
        seed: the seed of the arrival times.
        clients: processes that sent and read.
    """

    score: float
    paper_score: float
    traffics: tuple[TrafficMeasurement, ...]
    requests_sha256: str
    seed: int
    clients: int

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warnings of all traffics."""
        return tuple(f"{one.traffic.label}: {warning}" for one in self.traffics for warning in one.warnings)

    def to_json(self) -> dict[str, Any]:
        """The measurement as plain values, without the answers; non-finite numbers become null."""
        traffics = []
        for one in self.traffics:
            content = asdict(replace(one, responses=()))
            del content["responses"]
            traffics.append({**content, "traffic": one.traffic.model_dump()})
        written: dict[str, Any] = plain({**asdict(replace(self, traffics=())), "traffics": traffics})
        return written


def measure(
    base_url: str,
    model: str,
    workload: Workload,
    requests: RequestSet,
    tokenizer: TokenCounter,
    seed: int,
    clients: int | None = None,
    time_limit_s: float = math.inf,
    *,
    api_key: str | None = None,
    output_limit: OutputLimit = "max_tokens",
    ended: Ended | None = None,
) -> Measurement:
    """Measures a running server.

    Args:
        base_url: such as ``http://host:8000/v1``.
        model: the name under which the server serves the model.
        workload: traffic, temperature, timeouts and objective.
        requests: the requests to send, to their endpoint.
        tokenizer: counts tokens that the server does not report.
        seed: of the arrival times.
        clients: processes that send and read; None takes as many as the concurrency needs. More than one run as Ray
            actors on this node, which takes a connected cluster; without one, None means one.
        time_limit_s: limit for everything, including the warm-up; unfinished requests count as failed.
        api_key: the user's key for the server.
        output_limit: the server's parameter for the maximum number of output tokens.
        ended: see `generate_load`; called for each request, warm-up included, if one client sends them.

    Raises:
        InfrarayError: the URL is invalid, or several clients are requested without Ray.
    """
    if clients is not None and clients < 1:
        raise InfrarayError(f"measure: clients={clients!r}: must be at least 1")
    clients = min(clients or clients_needed(workload), workload.peak_concurrency)
    deadline = time.monotonic() + time_limit_s
    target = find_target(base_url, requests.endpoint, api_key)
    messages = [message(target, model, workload, request, output_limit) for request in requests.requests]
    warmup = [message(target, model, workload, request, output_limit) for request in requests.warmup]
    measured = []
    with ExitStack() as stack:
        play = stack.enter_context(load_clients(clients, target, tokenizer, workload.ignore_eos, ended))
        timeout_s = workload.request_timeout_s
        play(
            Load(warmup, [0.0] * len(warmup), None, False, timeout_s, deadline - time.monotonic()),
            requests.warmup,
        )
        for traffic in workload.traffic:
            load = Load(
                messages,
                arrival_times(traffic, len(messages), seed).tolist(),
                traffic.concurrency,
                # A burst has no due times of its own: requests are due when a slot becomes free.
                traffic.arrivals == "burst",
                timeout_s,
                deadline - time.monotonic(),
            )
            responses = play(load, requests.requests)
            measured.append(_assess(traffic, workload, requests.requests, responses, tokenizer.is_exact))
    paper = [compute_metrics(one.responses, convention="paper") for one in measured]
    return Measurement(
        score=score(workload.objective, [one.metrics for one in measured]),
        paper_score=score(workload.objective, paper, "paper"),
        traffics=tuple(measured),
        requests_sha256=requests.sha256,
        seed=seed,
        clients=clients,
    )


def message(
    target: Target, model: str, workload: Workload, request: Request, output_limit: OutputLimit = "max_tokens"
) -> bytes:
    """A request as it goes over the wire."""
    said: dict[str, Any]
    if target.path.endswith("/chat/completions"):
        said = {"messages": [{"role": "user", "content": request.prompt}]}
    else:
        said = {"prompt": request.prompt}
    return target.message(
        {
            "model": model,
            **said,
            output_limit: request.output_tokens,
            "temperature": workload.temperature,
            "stream": True,
            "stream_options": {"include_usage": True},
            **({"ignore_eos": True} if workload.ignore_eos else {}),
        }
    )


def _assess(
    traffic: Traffic,
    workload: Workload,
    requests: Sequence[Request],
    responses: Sequence[Response],
    is_exact: bool,
) -> TrafficMeasurement:
    metrics = compute_metrics(responses, workload.service_level)
    lag = ClientLag(
        distribution([one.send_lag_s for one in responses if one.sent_s is not None]),
        distribution([one.receive_lag_s for one in responses if one.sent_s is not None]),
    )
    usage = _check_usage(requests, responses, is_exact)
    doubts = _doubts(metrics, lag, usage, next((one.reason for one in responses if one.failure is not None), ""))
    prompts = sum(
        requests[one.request].prompt_tokens if one.prompt_tokens is None else one.prompt_tokens
        for one in responses
        if one.failure is None
    )
    return TrafficMeasurement(
        traffic,
        metrics,
        prompts / metrics.wall_s if metrics.wall_s > 0 else 0.0,
        lag,
        usage,
        tuple(doubts),
        tuple(responses),
    )


def _check_usage(requests: Sequence[Request], responses: Sequence[Response], is_exact: bool) -> UsageCheck:
    done = [one for one in responses if one.failure is None]
    counted = [one for one in done if one.output_tokens is not None]
    claimed = sum(one.tokens for one in counted)
    return UsageCheck(
        missing=len(done) - len(counted),
        wrong_prompt=sum(is_exact and one.prompt_tokens != requests[one.request].prompt_tokens for one in counted),
        text_ratio=sum(one.text_tokens for one in counted) / claimed if claimed and is_exact else math.nan,
    )


def _doubts(metrics: Metrics, lag: ClientLag, usage: UsageCheck, first_failure: str) -> list[str]:
    doubts = []
    for what, delay in (("sent", lag.send_s), ("read", lag.receive_s)):
        if delay.p99 > LAG_THAT_MATTERS * metrics.ttft_s.p50:
            doubts.append(
                f"the client {what} up to {delay.p99 * 1e3:.1f} ms late (p99), which is {LAG_THAT_MATTERS:.0%} or more "
                f"of the median TTFT of {metrics.ttft_s.p50 * 1e3:.1f} ms; give it a free core"
            )
    failed = metrics.requests - metrics.completed
    if failed:
        kinds = ", ".join(f"{count} {kind}" for kind, count in metrics.failures.items())
        doubts.append(f"{failed} of {metrics.requests} requests failed: {kinds}; the first: {first_failure}")
    if usage.missing:
        doubts.append(f"{usage.missing} answers came without usage; their tokens were counted from the text")
    if usage.wrong_prompt:
        doubts.append(f"the server counts {usage.wrong_prompt} prompts differently from the model's tokenizer")
    if usage.text_ratio < LEAST_TEXT:
        doubts.append(f"the texts hold {usage.text_ratio:.0%} of the tokens that the server claims")
    return doubts
