"""A proven upper bound on the mean QoE of the scored chunks.

**The problem in link time.** Let chunk i = 0 .. n-1 be the scored ones, C the playing time of a
chunk, f_i the factor on its delay, and F(t) the Mbit that the link carries up to link time t.
Chunk i is asked for at link time t_i with buffer b_i, its last bit arrives at t'_i, where
F(t'_i) = F(t_i) + size / payload_share; then the player may sleep, which moves link time and
drains the buffer alike. With y = t_0 + b_0, S_i the stall in chunks before i, and min and max
taken over 1 and the factors so far, the buffer's balance gives

    t'_i <= y + b_0 (1/min f - 1) + (i C + S_n) / min f - (i + 1) rtt      (else more than S_n was stalled)
    t_i  >= y - b_0 (1 - 1/max f) + (i C - threshold) / max f - i rtt      (the buffer never starts above it)

**The relaxation.** Fix intervals for y and for the whole stall D = S_n. Take the upper ends in the deadline, the lower
ends in the earliest start, and b_0 as large as possible in both. What remains is to reach Mbit positions c_i =
max(c_{i-1} + size, F(earliest start)) that keep c_i <= F(deadline),
and gain the most quality minus changes. Starting earlier never finishes later, so a lower position
is never worse, and for each quality and value only the lowest position counts: a dynamic
programme without any rounded time (`planning.py`). Its value minus the interval's lowest stall cost bounds every plan
whose y and D lie in the intervals, including the rounding of sleeps.

**All intervals.** Before scoring starts a player may do anything, so y may be anything from the least that its buffer
can add up to; as the trace repeats, one length of it covers everything. Its maximum follows from always taking the
largest size. Without warm-up y is known.
Intervals are searched best first: each first has a quick bound (Lagrangian relaxation of the available Mbit), then the
programme's; the best one is split until it is narrow. The result is the largest remaining bound, so it is valid
however coarse the intervals are.

Tightness: the relaxed parts are b_0, the rounding up of sleeps, the timing of stalls, and the width of the intervals;
if narrow ones are small compared to the trace or the possible stalls, the search ends after `MOST_BATCHES` and they
stay wider. With ``delay_noise`` min f and max f stand in
for each chunk's own factor, which loosens the bound by up to about the noise's half width. No chunk is worth more than
the highest quality without stall or change, which caps the result.
"""

from __future__ import annotations

import heapq
import itertools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from infraray.scenarios.abr.parameters import AdaptiveBitrateParameters
from infraray.scenarios.abr.planning import Qualities, most_valuable_plans
from infraray.scenarios.abr.throughput import Link
from infraray.scenarios.abr.trace import Trace

BATCH = 8
"""Intervals that the programme handles together, to make use of array operations."""

MOST_BATCHES = 200
"""Batches after which the largest remaining bound is returned; the default tasks need a tenth of them."""

MOST_FIRST_INTERVALS = 512

TOLERANCE = 0.005
"""Width of the narrowest intervals, as the share of a chunk's QoE range that it may cost."""

ROUNDING = 1e-9

NEVER_LATER_S = 1e-6
"""Seconds added to make up for rounding of times."""

Numbers = NDArray[np.float64]


class Interval(NamedTuple):
    """Plans with ``y`` from ``start`` to ``end`` and a stall from ``least_stall`` to ``most_stall`` seconds."""

    start: float
    end: float
    least_stall: float
    most_stall: float


def mean_qoe_bound(parameters: AdaptiveBitrateParameters, link: Link, sizes: Numbers, delay_factors: Numbers) -> float:
    """The bound for the chunks with ``sizes`` (Mbit, shape (chunks, qualities)), of which some must be scored."""
    relaxation = _Relaxation(parameters, link, sizes, delay_factors)
    best = _search(relaxation) / relaxation.count
    # The most that a chunk is worth needs no search; the share covers rounding in the sum of the scores.
    most = float(relaxation.values[-1]) * (1 + ROUNDING / 1000)
    return min(float(best + ROUNDING * (1 + abs(best))), most)


def _search(relaxation: _Relaxation) -> float:
    """The largest bound over all intervals, best first."""
    order = itertools.count()
    first = relaxation.first_intervals()
    waiting = [
        (-value, next(order), False, interval)
        for value, interval in zip(relaxation.quick_bounds(first).tolist(), first, strict=True)
    ]
    heapq.heapify(waiting)
    for _ in range(MOST_BATCHES):
        batch: list[tuple[float, Interval]] = []
        while waiting and len(batch) < BATCH:
            negative, _, planned, interval = heapq.heappop(waiting)
            parts = relaxation.split(interval) if planned or math.isinf(interval.most_stall) else None
            if parts is None:
                batch.append((-negative, interval))
            elif parts:
                quick = relaxation.quick_bounds(parts)
                for part, value in zip(parts, quick.tolist(), strict=True):
                    inherited = -negative - relaxation.stall_weight * (part.least_stall - interval.least_stall)
                    heapq.heappush(waiting, (-min(inherited, value), next(order), False, part))
            elif batch:
                heapq.heappush(waiting, (negative, next(order), planned, interval))
                break
            else:
                return -float(negative)
        planned_values = relaxation.planned_bounds([interval for _, interval in batch])
        for (before, interval), value in zip(batch, planned_values.tolist(), strict=True):
            heapq.heappush(waiting, (-min(before, value), next(order), True, interval))
    return -float(waiting[0][0])


class _Relaxation:
    """The relaxed problem of one task; all values are sums of QoE over the scored chunks."""

    def __init__(
        self, parameters: AdaptiveBitrateParameters, link: Link, sizes: Numbers, delay_factors: Numbers
    ) -> None:
        warmup = parameters.warmup_steps
        self.trace = link.trace
        self.count = len(sizes) - warmup
        self.sizes = sizes[warmup:] / parameters.payload_share
        self.stall_weight = parameters.stall_weight
        self.values = parameters.quality_weight * np.array(parameters.bitrates_mbps)
        self.qualities = Qualities.of(parameters)
        # Several prices per Mbit, and the quality that remains after paying them.
        self.prices = np.concatenate([[0.0], np.geomspace(0.3, 30, 60)]) * self.values[-1] / self.sizes[:, -1].mean()
        left = self.values - self.prices[:, None, None] * self.sizes
        self.profits = left.max(axis=2).sum(axis=1)
        self.initial_quality = parameters.initial_quality if not warmup else None
        self.most_buffered = min(parameters.buffer_threshold_s, warmup * parameters.chunk_s)
        self._set_times(parameters, delay_factors[warmup:])
        self._set_range_of_y(parameters, link, sizes[:warmup], delay_factors[:warmup])
        self.narrow_stall = (
            TOLERANCE * float(self.values[-1] - self.values[0]) * self.count / max(self.stall_weight, ROUNDING)
        )
        self.narrow_y = 2 * TOLERANCE * parameters.chunk_s * self.count

    def _set_times(self, parameters: AdaptiveBitrateParameters, factors: Numbers) -> None:
        """Deadlines and earliest starts of each chunk for y = 0 and no stall."""
        chunk = np.arange(self.count)
        self.least_factor = np.minimum(np.minimum.accumulate(factors), 1.0)
        most_factor = np.maximum(np.maximum.accumulate(np.concatenate([[1.0], factors[:-1]])), 1.0)
        played = chunk * parameters.chunk_s
        self.deadlines = (
            self.most_buffered * (1 / self.least_factor - 1)
            + played / self.least_factor
            - (chunk + 1) * parameters.link_rtt_s
        )
        self.earliest = (
            -self.most_buffered * (1 - 1 / most_factor)
            + (played - parameters.buffer_threshold_s) / most_factor
            - chunk * parameters.link_rtt_s
        )
        self.earliest[0] = -self.most_buffered

    def _set_range_of_y(
        self, parameters: AdaptiveBitrateParameters, link: Link, sizes: Numbers, factors: Numbers
    ) -> None:
        """The range of y after the warm-up chunks with ``sizes`` and ``factors``."""
        warmup = len(sizes)
        self.first_y = self.last_y = link.start_s
        if not warmup:
            return
        rtt, played = parameters.link_rtt_s, warmup * parameters.chunk_s
        self.first_y += max(0.0, played / max(1.0, float(factors.max())) - warmup * rtt)
        last_y = self._last_y(parameters, link, sizes.max(axis=1) / parameters.payload_share, factors)
        self.last_y = min(max(last_y, self.first_y), self.first_y + self.trace.duration_s)

    def _last_y(self, parameters: AdaptiveBitrateParameters, link: Link, largest: Numbers, factors: Numbers) -> float:
        """An upper bound on y after the warm-up chunks, none of which is larger than ``largest`` Mbit at any quality.

        Unless it stalls, a chunk of factor f that flows for x seconds moves y by C + (1 - f) x - f rtt;
        if it stalls, y becomes its arrival plus C. It is requested when the previous one has arrived or, after a
        sleep, when the buffer is at most one sleep below the threshold.
        """
        latest_start = latest_y = link.start_s
        for size, factor in zip(largest.tolist(), factors.tolist(), strict=True):
            latest_start = max(latest_start, latest_y - parameters.buffer_threshold_s + parameters.sleep_s)
            arrival = self.trace.time_of(float(self.trace.mbit_until(latest_start)) + size)
            gained = max(0.0, 1 - factor) * longest_download_s(self.trace, size) if factor < 1 else 0.0
            latest_y = max(latest_y - factor * parameters.link_rtt_s + gained, arrival) + parameters.chunk_s
            latest_start = arrival
        return latest_y + NEVER_LATER_S

    def first_intervals(self) -> list[Interval]:
        """Intervals that cover all plans together."""
        count = min(math.ceil((self.last_y - self.first_y) / (4 * self.narrow_y)), MOST_FIRST_INTERVALS)
        edges = np.linspace(self.first_y, self.last_y, 1 + count)
        pairs = itertools.pairwise(edges.tolist()) if len(edges) > 1 else [(self.first_y, self.first_y)]
        return [Interval(start, end, 0.0, math.inf) for start, end in pairs]

    def split(self, interval: Interval) -> list[Interval]:
        """Parts that cover an interval; empty if it is already narrow."""
        start, end, least, most = interval
        if math.isinf(most):
            if not self.stall_weight:
                return []
            middle = max(4 * least, 8 * self.narrow_stall)
            return [Interval(start, end, least, middle), Interval(start, end, middle, most)]
        if (end - start) * self.narrow_stall > (most - least) * self.narrow_y:
            if end - start <= self.narrow_y:
                return []
            middle = (start + end) / 2
            return [Interval(start, middle, least, most), Interval(middle, end, least, most)]
        if most - least <= self.narrow_stall:
            return []
        middle = (least + most) / 2
        return [Interval(start, end, least, middle), Interval(start, end, middle, most)]

    def quick_bounds(self, intervals: list[Interval]) -> Numbers:
        """Upper bounds from the Mbit between the earliest start and the last deadline alone."""
        start, end, least, most = np.array(intervals).T
        unlimited = np.isinf(most)
        last_end = end + self.deadlines[-1] + np.where(unlimited, 0.0, most) / self.least_factor[-1]
        carried = self.trace.mbit_until(last_end) - self.trace.mbit_until(start + self.earliest[0])
        values = (self.profits + self.prices * carried[:, None]).min(axis=1)
        bounds: Numbers = np.where(unlimited, self.profits[0], values) - self.stall_weight * least
        return bounds

    def planned_bounds(self, intervals: list[Interval]) -> Numbers:
        """Upper bounds from the dynamic programme."""
        start, end, least, most = np.array(intervals).T[:, :, None]
        earliest = self.trace.mbit_until(start + self.earliest)
        deadlines = self.trace.mbit_until(end + self.deadlines + most / self.least_factor)
        origin = earliest[:, :1]
        bounds: Numbers = most_valuable_plans(
            self.qualities, self.sizes, earliest - origin, deadlines - origin, self.initial_quality
        )
        bounds -= self.stall_weight * least[:, 0]
        return bounds


def longest_download_s(trace: Trace, mbit: float) -> float:
    """An upper bound on the time that the link takes to carry ``mbit``, starting anywhere in the trace."""
    passes, rest = divmod(mbit, trace.capacity_mbit)
    times = np.concatenate([trace.times[:-1], trace.times + trace.duration_s])
    carried = np.concatenate([trace.carried[:-1], trace.carried + trace.capacity_mbit])
    # From the start of each segment to the end of the one that certainly carries the last bit.
    last = np.searchsorted(carried, trace.carried[1:] + rest).clip(max=len(times) - 1)
    return float(passes * trace.duration_s + (times[last] - trace.times[:-1]).max())
