"""A proven lower bound on the mean completion time of the scored jobs: the largest of three.

**No waiting.** No job completes sooner than on the fastest server when idle.

**One fused server.** All servers are fused into one with the sum of their rates, which may switch
between jobs at any time. Any schedule of the real servers can be imitated on it, each job finishing
no later; on one server, shortest remaining processing time first minimises the sum of completion
times (Schrage, 1968). So its sum bounds every schedule's.

**Prices for server time** (Lagrangian relaxation). Let work at time t have a price q(t) >= 0, in
seconds per work unit, and let a second of a server of rate r cost max(0, q(t) r - 1) seconds.
Take any schedule in which job j, of size p_j, arrives at a_j, starts at S_j >= a_j on a server of
rate r_j and completes at C_j = S_j + p_j / r_j. A server runs one job at a time, so all jobs together pay for a server
at most its price over all time. Therefore

    sum_j (C_j - a_j)  >=  sum_j [C_j - a_j + what j pays]  -  sum_servers integral of the server's price
                       >=  sum_j min over servers r and starts S >= a_j of
                               [S - a_j + integral from S to S + p_j / r of max(1, q(t) r) dt]
                           -  sum_servers integral of max(0, q(t) r - 1) dt,

for any q: good prices make the bound tight, and no prices make it wrong. Prices are raised where jobs would use more
server time than there is and lowered where they would use less (subgradient steps), and the best bound found along the
way is kept.

The two bounds that compute with points in time are off by the rounding of the latest one, which matters for short jobs
that arrive rarely. They are lowered by more than that; the first bound needs no correction.

None of the bounds assumes first come, first served, or jobs before the scored ones; all hold for every dispatcher,
even one that knows the future.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from infraray.scenarios.load_balance.jobs import Jobs

Floats = NDArray[np.float64]

JOBS_A_CELL = 8
"""Approximate number of arrivals in a cell of time with one price."""

LOOKAHEAD = 12
"""Cells searched for a later start; beyond them the price counts as zero."""

ROUNDING = 1e-15
"""Relative rounding error of a point in time, some five times that of one operation."""

STEPS = 6
"""The number of prices tried."""

STEP = 2.0
"""Size of the first price change, relative to the price at which the fastest server starts to cost something."""


def mean_completion_bound(jobs: Jobs, rates: Sequence[float]) -> float:
    """The bound in seconds for ``jobs``, of which there must be at least one."""
    count = len(jobs.sizes)
    without_waiting = float((jobs.sizes / max(rates)).sum())
    fused = fused_server_total(jobs.arrivals.tolist(), jobs.sizes.tolist(), float(sum(rates)))
    servers = PricedServers(jobs, np.array(rates), max(2, count // JOBS_A_CELL))
    latest = float(jobs.arrivals[-1])
    fused -= ROUNDING * count * (latest + servers.end)
    priced = servers.total() - ROUNDING * count * (latest + float(servers.edges[-1]))
    return max(without_waiting, fused, priced) / count


def fused_server_total(arrivals: Sequence[float], sizes: Sequence[float], rate: float) -> float:
    """Sum of completion times in seconds on one server of ``rate`` work/s under preemptive SRPT."""
    waiting: list[tuple[float, float]] = []  # (seconds of service left, arrival)
    now = 0.0
    total = 0.0
    for arrival, size in zip(arrivals, sizes, strict=True):
        while waiting and now < arrival:
            left, arrived = waiting[0]
            if now + left <= arrival:
                heapq.heappop(waiting)
                now += left
                total += now - arrived
            else:
                heapq.heapreplace(waiting, (left - (arrival - now), arrived))
                now = arrival
        now = arrival
        heapq.heappush(waiting, (size / rate, arrival))
    while waiting:
        left, arrived = heapq.heappop(waiting)
        now += left
        total += now - arrived
    return total


class PricedServers:
    """The bound by prices.

    Args:
        jobs: arrivals, from any start time, and sizes.
        rates: work/s, one entry per server.
        cells: cells of time, within which prices are constant.
    """

    def __init__(self, jobs: Jobs, rates: Floats, cells: int) -> None:
        self.arrivals = jobs.arrivals - jobs.arrivals[0]
        self.sizes = jobs.sizes
        self.rates, self.servers = np.unique(rates, return_counts=True)
        """Distinct rates, and the number of servers with each."""
        self.capacity = float(rates.sum())
        self.end = _end_of_work(self.arrivals, self.sizes / self.capacity)
        self.cells = cells
        self.cell_s = self.end / self.cells
        # The last edge belongs to a cell without a price and lies beyond the end of every job that starts at an edge.
        last = 2 * self.end + float(self.sizes.max() / self.rates[0])
        self.edges = np.append(np.arange(self.cells + 1) * self.cell_s, last)

    def total(self) -> float:
        """The bound on the sum of completion times in seconds."""
        free = 1 / self.rates[-1]  # up to here no server costs anything
        best, _ = self.evaluate(np.full(self.cells, free))
        prices = np.full(self.cells, self._even_price())
        for step in range(STEPS):
            bound, excess = self.evaluate(prices)
            best = max(best, bound)
            prices = np.maximum(prices + STEP * free / (1 + step / 4) * excess, free)
        return best

    def _even_price(self) -> float:
        """The price at which jobs want just the fastest servers that could do all the work if it were spread evenly."""
        able = np.cumsum((self.rates * self.servers)[::-1]) * self.end
        needed = int(np.searchsorted(able, self.sizes.sum() * (1 - 1e-9)))
        return float(1 / self.rates[::-1][min(needed, len(self.rates) - 1)])

    def evaluate(self, prices: Floats) -> tuple[float, Floats]:
        """The bound for ``prices``, one per cell, and each cell's excess demand as a share of its capacity."""
        fewest_s = np.full(len(self.sizes), np.inf)
        starts = np.zeros(len(self.sizes))
        chosen = np.zeros(len(self.sizes), np.int64)
        paid_back = 0.0
        for server, rate in enumerate(self.rates):
            cost = np.maximum(1.0, prices * rate)
            paid_back += float(self.servers[server] * (cost - 1.0).sum()) * self.cell_s
            seconds, start = self._cheapest(cost, self.sizes / rate)
            better = seconds < fewest_s
            fewest_s[better], starts[better], chosen[better] = seconds[better], start[better], server
        return float(fewest_s.sum()) - paid_back, self._excess(prices, starts, chosen)

    def _cheapest(self, cost: Floats, service_s: Floats) -> tuple[Floats, Floats]:
        """The fewest seconds of each job, including prices, on one server, and the start that achieves them.

        The seconds are linear between starting at once, starting at an edge, and ending at an edge.
        """
        edges, arrivals = self.edges, self.arrivals
        paid = np.concatenate([[0.0], np.cumsum(np.append(cost, 1.0) * np.diff(edges))])
        ends = arrivals + service_s
        now = (np.interp(ends, edges, paid) - np.interp(arrivals, edges, paid))[:, None]
        edge, unseen_edge = self._following_edges(arrivals)
        at_edge = edges[edge]
        wait_for_edge = at_edge - arrivals[:, None]
        starting = wait_for_edge + np.interp(at_edge + service_s[:, None], edges, paid) - paid[edge]
        edge, unseen_end = self._following_edges(ends)
        to_edge = edges[edge] - service_s[:, None]
        wait_to_edge = to_edge - arrivals[:, None]
        ending = wait_to_edge + paid[edge] - np.interp(to_edge, edges, paid)
        # Jobs that end after the last price gain nothing by ending at an edge.
        ending[wait_to_edge < 0] = np.inf
        seconds = np.concatenate([now, starting, ending], axis=1)
        best = seconds.argmin(axis=1)[:, None]
        waits = np.take_along_axis(np.concatenate([np.zeros_like(now), wait_for_edge, wait_to_edge], axis=1), best, 1)
        fewest = np.take_along_axis(seconds, best, 1)[:, 0]
        unseen = np.minimum(unseen_edge - arrivals, unseen_end - ends) + service_s
        return np.minimum(fewest, unseen), arrivals + waits[:, 0]

    def _following_edges(self, times: Floats) -> tuple[NDArray[np.int64], Floats]:
        """The next `LOOKAHEAD` price edges after each time, and the time up to which they are complete."""
        following = np.minimum(times // self.cell_s, self.cells).astype(np.int64)[:, None] + np.arange(1, LOOKAHEAD + 1)
        last = following[:, -1]
        unseen = np.where(last < self.cells, (last + 1) * self.cell_s, np.inf)
        return np.minimum(following, self.cells), unseen

    def _excess(self, prices: Floats, starts: Floats, chosen: NDArray[np.int64]) -> Floats:
        edges = self.edges[:-1]
        excess = np.zeros(self.cells)
        for server, rate in enumerate(self.rates):
            mine = chosen == server
            run_s = np.clip(edges - starts[mine, None], 0.0, self.sizes[mine, None] / rate).sum(axis=0)
            # Below this price the server costs nothing, and small changes have no effect.
            costs = prices * rate >= 1.0
            excess += np.where(costs, rate * (np.diff(run_s) - self.servers[server] * self.cell_s), 0.0)
        return excess / (self.capacity * self.cell_s)


def _end_of_work(arrivals: Floats, service_s: Floats) -> float:
    """The time at which one server that serves each job for ``service_s`` seconds has finished all of them."""
    served = np.cumsum(service_s)
    return float(served[-1] + (arrivals - served + service_s).max())
