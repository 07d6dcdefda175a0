"""Measures any running OpenAI-compatible server."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import Any

from infraray.load.benchmark.probe import Probe
from infraray.load.benchmark.result import Benchmark
from infraray.load.benchmark.server import ServedModel, find_model, read_key
from infraray.load.generator import Ended
from infraray.load.measurement import TrafficMeasurement, measure
from infraray.load.requests import make_requests
from infraray.load.target import find_target
from infraray.load.tokenizer import ModelTokenizer, TokenCounter, find_tokenizer, local_tokenizer
from infraray.load.workloads import Workload

BENCH: dict[str, Any] = {"output_tokens": 128, "traffic": [{"concurrency": 8}]}
"""The default load; everything else is as in `Workload`."""

Watching = Callable[[str, int], AbstractContextManager[Ended]]
"""Called with a traffic's label and number of requests; what it yields is called for each finished request."""


def bench(
    base_url: str,
    workload: Workload | None = None,
    *,
    model: str | None = None,
    tokenizer: str | None = None,
    api_key_env: str = "OPENAI_API_KEY",
    seed: int = 0,
    watching: Watching | None = None,
) -> Benchmark:
    """Measures a server under a workload.

    Each traffic has its own prompts, including the warm-up, since a server may have cached what it computed for others.

    Args:
        base_url: such as ``http://host:8000/v1``.
        workload: what is sent and how; by default 64 requests, 8 at a time.
        model: the name under which the server serves it; by default the first one it lists.
        tokenizer: a folder or a name on the Hugging Face hub; by default what the model was loaded from. If that is
            not on this machine, prompt lengths are estimated from the server's own counts.
        api_key_env: the variable that holds the server's key; if it is not set, no key is sent.
        seed: determines prompts, lengths and arrival times.
        watching: a context manager around the load of each traffic.

    Raises:
        InfrarayError: the URL is invalid, no server answers there, it refuses our key or has no such model, or it
            rejects a first request.
    """
    workload = Workload.parse("bench", BENCH) if workload is None else workload
    started_at = datetime.now(UTC)
    target = find_target(base_url, workload.endpoint, read_key(api_key_env))
    served = find_model(base_url, model, api_key_env)
    probe = Probe(base_url, target, served.name, workload, api_key_env)
    own = _tokenizer(tokenizer, served)
    counter: TokenCounter
    if own is None:
        counter = probe.estimate_tokenizer()
    else:
        counter = own
        probe.ask(0, characters=200)
    measured: list[TrafficMeasurement] = []
    for number, traffic in enumerate(workload.traffic):
        alone = workload.model_copy(update={"traffic": (traffic,)})
        requests = make_requests(alone, seed + (number << 64), counter)
        count = len(requests.requests) + len(requests.warmup)
        with nullcontext() if watching is None else watching(traffic.label, count) as ended:
            measurement = measure(
                base_url,
                served.name,
                alone,
                requests,
                counter,
                seed,
                clients=1,
                api_key=target.api_key,
                output_limit=probe.output_limit,
                ended=ended,
            )
        measured += measurement.traffics
    return Benchmark(
        base_url=base_url,
        model=served.name,
        tokenizer=None if own is None else str(own.folder),
        seed=seed,
        started_at=started_at,
        workload=workload,
        traffics=tuple(measured),
    )


def _tokenizer(given: str | None, served: ServedModel) -> ModelTokenizer | None:
    """The given tokenizer, or else the model's own; None if this machine does not have it.

    Raises:
        InfrarayError: the given one is not a tokenizer.
    """
    if given is not None:
        return find_tokenizer(given)
    return local_tokenizer(served.root) or local_tokenizer(served.name)
