"""The dynamics: first-come-first-served servers whose state only changes when a job arrives.

With first come, first served, a job's completion time is determined when it is sent: it starts when its server has
finished all earlier work (Lindley's recursion). So the whole state is one number per server, the time at which it
becomes free; queue lengths are kept beside it because agents observe them.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence


class Servers:
    """Servers with rates in work/s; all times in seconds.

    Args:
        rates: one per server.
        counts_jobs: whether `queue_lengths` is needed, which costs more than everything else.
    """

    def __init__(self, rates: Sequence[float], counts_jobs: bool = True) -> None:
        self.rates = list(rates)
        self.counts_jobs = counts_jobs
        self.free_at = [0.0] * len(self.rates)
        self._queue_lengths = [0.0] * len(self.rates)
        self._completions: list[tuple[float, int]] = []  # a heap of (completion, server) of the jobs in the queues

    def queue_lengths(self, now: float) -> list[float]:
        """Jobs at each server at time ``now``, the running one included; ``now`` must not go back."""
        completions = self._completions
        while completions and completions[0][0] <= now:
            self._queue_lengths[heapq.heappop(completions)[1]] -= 1.0
        return self._queue_lengths

    def work_left(self, now: float) -> list[float]:
        """Work units still to be done by each server at time ``now``."""
        return [
            (free_at - now) * rate if free_at > now else 0.0
            for free_at, rate in zip(self.free_at, self.rates, strict=True)
        ]

    def send(self, server: int, now: float, size: float) -> float:
        """Sends a job of ``size`` work units; returns the seconds from ``now`` to its completion."""
        free_at = self.free_at[server]
        service = size / self.rates[server]
        start = free_at if free_at > now else now
        completion = start + service
        self.free_at[server] = completion
        if self.counts_jobs:
            self._queue_lengths[server] += 1.0
            heapq.heappush(self._completions, (completion, server))
        # Not ``completion - now``, which would lose most of a short job's digits late in a long trace.
        return start - now + service
