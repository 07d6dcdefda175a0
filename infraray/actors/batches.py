"""Episodes in batches: how many travel together to a worker.

A batch is long against a round trip through Ray, and short against a person's patience. The driver handles every
batch of every worker, so with many workers it is as long as leaves the driver idle for half of its time. Where few
episodes are left, each batch is its worker's share of them, so that all workers end at about the same time (guided
self-scheduling: Polychronopoulos and Kuck, 1987), but no less than the driver can handle.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from itertools import islice

from infraray.episodes import EpisodeSpec

Who = tuple[str, str]
"""(scenario label, agent): a cell of the leaderboard."""

BATCH_S = 0.3
"""Aimed duration of a batch where the driver has time for more than it gets."""

EVENT_S = 0.76e-3
"""What a batch costs the driver: sent, waited for, received, counted; `benchmarks.many_workers` measures it."""

DRIVER_SHARE = 0.5
"""Of its time that the driver may spend on batches. Nearer to 1, workers would wait for it whenever many batches end
together; the other half makes specs of the plan, asks the collector and shows the progress."""

QUEUED_BATCHES = 2
"""Batches at each rollout worker: the one that runs and the one that follows without a pause."""

TAIL = 0.25
"""How much of its aimed duration a batch has at least when few episodes are left. Shorter ones would end more evenly,
but there would be more of them than the driver can handle: with 4,000 workers the last seconds of work took nine."""

MAX_BATCH = 1024
MAX_IN_FLIGHT = 500_000
"""Episodes in all batches that are sent, at some 400 bytes each in the driver's memory."""


def batch_s(num_workers: int) -> float:
    """Aimed duration of a batch, in seconds: 0.3 up to some 200 workers, 6 for 4,000."""
    return max(BATCH_S, num_workers * EVENT_S / DRIVER_SHARE)


def batches(
    owed: Iterator[EpisodeSpec], num_workers: int, seconds_per_episode: Mapping[Who, float]
) -> Iterator[list[EpisodeSpec]]:
    """The episodes in their order, in batches of about `batch_s`.

    Args:
        owed: the episodes; it is read ahead by what all workers hold.
        num_workers: who play them.
        seconds_per_episode: what is known when a batch is asked for.
    """
    aim_s, in_flight = batch_s(num_workers), QUEUED_BATCHES * num_workers
    least_s = max(BATCH_S, aim_s * TAIL)
    most = max(1, min(MAX_BATCH, MAX_IN_FLIGHT // in_flight))

    def expected_s(spec: EpisodeSpec) -> float:
        return seconds_per_episode.get(spec.entry.who, aim_s / 4)

    def enough_s(spec: EpisodeSpec, within_share: bool) -> float:
        if within_share:
            return aim_s
        # What nobody knows may take an hour, and is no other worker's while it waits.
        return least_s if spec.entry.who in seconds_per_episode else 0.0

    ahead = deque(islice(owed, 1))
    while ahead:
        wanted = min(most, math.ceil(aim_s / max(expected_s(ahead[0]), aim_s / most)))
        ahead.extend(islice(owed, max(0, wanted * in_flight - len(ahead))))
        share, seconds = math.ceil(len(ahead) / in_flight), 0.0
        batch: list[EpisodeSpec] = []
        while ahead and len(batch) < most and seconds < enough_s(ahead[0], len(batch) < share):
            batch.append(ahead.popleft())
            seconds += expected_s(batch[-1])
        yield batch
        ahead.extend(islice(owed, 1))
