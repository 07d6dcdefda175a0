"""The clients that send a load: this process, or several Ray actors if one core is not enough."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from infraray.errors import InfrarayError
from infraray.load.generator import Ended, Load, generate_load
from infraray.load.requests import Request
from infraray.load.responses import Response, read_response
from infraray.load.target import Target
from infraray.load.tokenizer import TokenCounter
from infraray.load.workloads import Workload

STREAMS_PER_CLIENT = 256
"""Concurrent answers that one core can read on time (`benchmarks/load_generator.py`)."""

READY_S = 120.0
"""Seconds that clients may take to start and to load the tokenizer."""

_LEAD_S = 0.5
"""Seconds that actors have to receive a load before it starts."""


class Play(Protocol):
    """Sends a load and reads the answers."""

    def __call__(self, load: Load, requests: Sequence[Request]) -> list[Response]:
        """Returns the responses, in the order of the requests."""


def clients_needed(workload: Workload) -> int:
    """The cores that the workload's concurrency takes; one without Ray, whose lag shows whether that is enough."""
    count = math.ceil(workload.peak_concurrency / STREAMS_PER_CLIENT)
    if count > 1:
        import ray

        return count if ray.is_initialized() else 1
    return count


@contextmanager
def load_clients(
    count: int, target: Target, tokenizer: TokenCounter, ignore_eos: bool, ended: Ended | None = None
) -> Iterator[Play]:
    """Prepares ``count`` clients: this process for one, or actors that end with the context for more.

    Args:
        count: the number of clients.
        target: the endpoint to send to.
        tokenizer: counts the tokens in answers.
        ignore_eos: whether every output must have its full length.
        ended: see `generate_load`; only called in this process, not by actors.

    Raises:
        InfrarayError: Ray is needed but not connected, or it does not start the clients.
    """
    if count == 1:
        yield _Client(target, tokenizer, ignore_eos, ended).play
        return
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    if not ray.is_initialized():
        raise InfrarayError(f"load: {count} clients run as Ray actors; connect to a cluster first")
    # On this node, since the server may only listen locally and the clock must be the same. They request no CPUs from
    # Ray, as a run or a trial may hold all of them; their lag shows whether there are enough cores.
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    actor = ray.remote(num_cpus=0, max_restarts=0, scheduling_strategy=here)(_Client)
    clients = [actor.remote(target, tokenizer, ignore_eos) for _ in range(count)]

    def play_on_actors(load: Load, requests: Sequence[Request]) -> list[Response]:
        start_at = time.time() + _LEAD_S
        # Each client needs at least one slot under the concurrency limit.
        used = clients[: load.concurrency]
        parts = [range(number, len(requests), len(used)) for number in range(len(used))]
        waiting = [
            client.play_share.remote(_share(load, part), [requests[index] for index in part], list(part), start_at)
            for client, part in zip(used, parts, strict=True)
        ]
        return sorted((one for part in ray.get(waiting) for one in part), key=lambda one: one.request)

    try:
        try:
            ray.get([client.ready.remote() for client in clients], timeout=READY_S)
        except ray.exceptions.GetTimeoutError:
            raise InfrarayError(
                f"load: {count} clients were not ready after {READY_S:g} s; lower the workload's concurrency"
            ) from None
        yield play_on_actors
    finally:
        for client in clients:
            ray.kill(client)


def _share(load: Load, part: range) -> Load:
    """A client's share of the messages; the clients' concurrency limits add up to the whole limit."""
    first, clients, concurrency = part.start, part.step, load.concurrency
    return replace(
        load,
        messages=load.messages[first::clients],
        due_s=load.due_s[first::clients],
        concurrency=None if concurrency is None else concurrency // clients + (first < concurrency % clients),
    )


class _Client:
    """Sends loads, in this process or as an actor."""

    def __init__(self, target: Target, tokenizer: TokenCounter, ignore_eos: bool, ended: Ended | None = None) -> None:
        self.target = target
        self.tokenizer = tokenizer
        self.ignore_eos = ignore_eos
        self.ended = ended

    def ready(self) -> None:
        """Returns once the actor can play."""

    def play(self, load: Load, requests: Sequence[Request], started: float | None = None) -> list[Response]:
        """Sends a load and reads the answers; for ``started`` see `generate_load`."""
        exchanges = generate_load(self.target, load, started, self.ended)
        return [
            read_response(exchange, request, self.tokenizer.count_text, self.ignore_eos)
            for exchange, request in zip(exchanges, requests, strict=True)
        ]

    def play_share(
        self, load: Load, requests: Sequence[Request], indices: Sequence[int], start_at: float
    ) -> list[Response]:
        """Sends a share of a load, starting at the wall-clock time ``start_at``."""
        responses = self.play(load, requests, time.perf_counter() + start_at - time.time())
        return [replace(one, request=index) for one, index in zip(responses, indices, strict=True)]
