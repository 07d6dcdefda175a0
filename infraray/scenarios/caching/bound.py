"""A proven upper bound on the hits among the scored requests under any decisions.

Let request j hit. Then its object has been in the cache ever since its previous request i, since objects only enter
when they are requested. So after each of the requests i, i + 1, ..., j - 1 the object occupied its size of the
capacity. Call this the *interval* (i, j) with the moments i to j - 1. The hits of any sequence of decisions are thus a
set of intervals whose sizes add up to at most the capacity at every moment. (The converse holds too: keeping exactly
the objects of such a set and letting nothing else in is legal.) We want the largest such set among the intervals
that end at a scored request; warm-up hits earn nothing and are left out.

*Where there is room.* A moment at which all intervals fit together is no constraint. Such moments are left out, and
with them the intervals that have no others: those are free hits, so a cache that holds everything hits every repeated
request. The rest falls into *blocks* that no interval connects, each a separate problem; the bound is the sum of
theirs.

*Equal sizes.* At most k = capacity // size intervals may overlap. Go through time and, whenever
k + 1 overlap, drop the one that ends last. One of them has to go; if a set drops another one and keeps this one,
swapping the two leaves it legal and equally large, because from then on the one that ends earlier is never in the way
when the other is not. This is Belady's rule (MIN,
1966) with the right to bypass, and exact.

*Sizes that differ.* The problem is NP-hard (Chrobak, Woeginger, Makino and Xu, 2012). A small block
is solved exactly, by keeping the most hits for every set of intervals that may run at a moment. A
large one gets the smaller of two bounds: Belady's as if every object had the smallest size, and
that of prices for room (`prices.py`), rounded down because hits are whole.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from infraray.scenarios.caching.prices import least_dual

MOST_STATES = 1000
"""The number of sets of running intervals up to which a block is solved exactly."""
MARGIN = 1e-6
"""A tolerance in hits, far above the rounding error of a sum of some thousand numbers."""

ROUNDING = 1e-9

Moments = NDArray[np.int64]


class Block(NamedTuple):
    """Intervals from ``starts`` up to before ``ends``, ``sizes`` bytes each, by their starts; shape ``(intervals,)``.

    ``first_contested`` and ``after_contested`` number only the moments at which not all intervals fit.
    """

    starts: Moments
    ends: Moments
    sizes: NDArray[np.int64]
    first_contested: Moments
    after_contested: Moments


def most_hits(keys: NDArray[np.int64], sizes: NDArray[np.int64], capacity: int, first_scored: int) -> int:
    """Upper bound on the hits among requests from ``first_scored`` on; exact if sizes are equal.

    Args:
        keys: requested objects, shape ``(requests,)``.
        sizes: bytes of the requested object, shape ``(requests,)``, the same at each of its requests.
        capacity: bytes.
        first_scored: requests before it earn nothing.
    """
    starts, ends = intervals(keys)
    kept = (ends >= first_scored) & (sizes[ends] <= capacity)
    starts, ends = starts[kept], ends[kept]
    blocks = _blocks(starts, ends, sizes[ends], capacity, len(keys))
    free = len(ends) - sum(len(block.ends) for block in blocks)
    return free + sum(_most_in(block, capacity) for block in blocks)


def intervals(keys: NDArray[np.int64]) -> tuple[Moments, Moments]:
    """Pairs of consecutive requests for the same object, as (earlier, later), by the later one."""
    order = np.argsort(keys, kind="stable")
    again = keys[order][1:] == keys[order][:-1]
    starts, ends = order[:-1][again], order[1:][again]
    by_end = np.argsort(ends)
    return starts[by_end], ends[by_end]


def most_intervals(starts: Moments, ends: Moments, overlap: int) -> int:
    """The most intervals with at most ``overlap`` at any moment; no two may start or end together."""
    end_of = dict(zip(starts.tolist(), ends.tolist(), strict=True))
    kept: set[int] = set()  # ends
    running = 0
    latest_first: list[int] = []  # negated ends; those that have passed sink to the bottom
    for moment in sorted({*starts.tolist(), *ends.tolist()}):
        if moment in kept:
            running -= 1
        if moment in end_of:
            end = end_of[moment]
            heapq.heappush(latest_first, -end)
            kept.add(end)
            running += 1
            if running > overlap:
                kept.remove(-heapq.heappop(latest_first))
                running -= 1
    return len(kept)


def _blocks(starts: Moments, ends: Moments, sizes: NDArray[np.int64], capacity: int, moments: int) -> list[Block]:
    """The intervals that include a moment at which not all fit, in groups that share no such moment."""
    # In shares of the capacity and as floats, since the bytes of a million large objects overflow 64 bits. Treating an
    # uncontested moment as contested costs time but no tightness, hence the allowance for rounding.
    shares = sizes / capacity
    load = np.cumsum(np.bincount(starts, shares, moments + 1) - np.bincount(ends, shares, moments + 1))
    numbers = np.concatenate([[0], np.cumsum(load > 1 - ROUNDING)])
    order = np.argsort(starts)
    first, after = numbers[starts[order]], numbers[ends[order]]
    order, first, after = (column[after > first] for column in (order, first, after))
    if not len(order):
        return []
    cuts = 1 + np.flatnonzero(first[1:] >= np.maximum.accumulate(after)[:-1])
    columns = (starts[order], ends[order], sizes[order], first, after)
    return [Block(*parts) for parts in zip(*(np.split(column, cuts) for column in columns), strict=True)]


def _most_in(block: Block, capacity: int) -> int:
    smallest, largest = int(block.sizes.min()), int(block.sizes.max())
    as_if_smallest = most_intervals(block.starts, block.ends, capacity // smallest)
    if smallest == largest:
        return as_if_smallest
    exact = _most_of_few(block, capacity)
    if exact is not None:
        return exact
    first = int(block.first_contested[0])
    dual = least_dual(block.first_contested - first, block.after_contested - first, block.sizes / capacity)
    return min(as_if_smallest, int(dual + MARGIN))


def _most_of_few(block: Block, capacity: int) -> int | None:
    """The exact maximum; None if more than `MOST_STATES` sets of running intervals are possible at a moment."""
    ends, sizes = block.ends.tolist(), block.sizes.tolist()
    most: dict[frozenset[int], int] = {frozenset(): 0}
    for interval, start in enumerate(block.starts.tolist()):
        following: dict[frozenset[int], int] = {}
        for chosen, hits in most.items():
            running = frozenset(other for other in chosen if ends[other] > start)
            following[running] = max(following.get(running, 0), hits)
            if sum(sizes[other] for other in running) + sizes[interval] <= capacity:
                joined = running | {interval}
                following[joined] = max(following.get(joined, 0), hits + 1)
        if len(following) > MOST_STATES:
            return None
        most = following
    return max(most.values())
