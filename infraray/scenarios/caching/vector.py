"""Caching, thousands of tasks at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infraray.errors import InfrarayError
from infraray.scenarios.caching.cache import BYPASS
from infraray.scenarios.caching.environment import NOBODY, Caching
from infraray.scenarios.caching.requests import generate_requests
from infraray.vector import Rows, VectorEnvironment

EMPTY_SLOT = np.iinfo(np.int64).max
"""Rank of an empty slot: after all others."""


class CachingVector(VectorEnvironment):
    """The dynamics of ``cache.py`` on arrays of shape (tasks, slots), where a slot holds one object.

    Tasks end at different steps, since a step is a decision.

    Raises:
        InfrarayError: decision is ``admission`` and ``eviction`` is not fifo, lru or lfu.
    """

    environment_class = Caching
    single: Caching

    def __init__(self, num_envs: int = 1, **arguments: Any) -> None:
        super().__init__(num_envs, **arguments)
        parameters = self.single.parameters
        self.evicts = parameters.decision == "eviction"
        if not self.evicts and parameters.eviction not in ("fifo", "lru", "lfu"):
            raise InfrarayError(
                f"caching: eviction={parameters.eviction!r}: a vector environment knows fifo, lru and lfu; "
                "choose one of them, decision: eviction, or the single environment"
            )

    def begin(self, seeds: Sequence[int]) -> None:
        """Draws every task's requests."""
        parameters, count = self.single.parameters, len(seeds)
        self.capacity, self.length = parameters.capacity_bytes, parameters.num_requests
        self.keys = np.zeros((count, self.length), np.int64)
        self.sizes = np.zeros((count, 0), np.int64)
        self.counts = np.zeros((count, 0), np.int64)
        self.last_request = np.zeros((count, 0), np.int64)
        self.slot_of = np.zeros((count, 0), np.int64)
        self.slot_key = np.zeros((count, 0), np.int64)
        self.recency = np.zeros((count, 0), np.int64)
        self.came_in = np.zeros((count, 0), np.int64)
        self.slot_counts = np.zeros((count, 0), np.int64)
        self.free = np.zeros(count, np.int64)
        self.position = np.zeros(count, np.int64)
        self.waiting = np.zeros(count, np.bool_)
        self.ended = np.zeros(count, np.bool_)
        self.passed = np.zeros((count, parameters.max_hits_per_step), np.int64)
        self.num_passed = np.zeros(count, np.int64)
        self.hits = np.zeros(count, np.int64)
        self.restart(self.rows, seeds)

    def restart(self, rows: Rows, seeds: Sequence[int]) -> None:
        """Draws some tasks' requests, and empties their caches."""
        requests = [generate_requests(self.single.parameters, seed) for seed in seeds]
        keys = np.array([task.keys for task in requests])
        sizes = np.array([task.sizes for task in requests])
        objects = int(keys.max()) + 1
        self._make_room(objects, max(1, min(objects, self.capacity // int(sizes[sizes > 0].min()))))
        self.keys[rows] = keys
        for table in (self.sizes, self.counts, self.last_request, self.slot_counts):
            table[rows] = 0
        for table in (self.slot_of, self.slot_key, self.passed):
            table[rows] = NOBODY
        for table in (self.recency, self.came_in):
            table[rows] = EMPTY_SLOT
        self.sizes[rows[:, None], keys] = sizes
        self.free[rows] = self.capacity
        for state in (self.position, self.waiting, self.ended, self.num_passed, self.hits):
            state[rows] = 0
        self._run(rows)

    def _make_room(self, objects: int, slots: int) -> None:
        """Widens the tables to at least that many objects and slots."""
        self.sizes = _widened(self.sizes, objects, 0)
        self.counts = _widened(self.counts, objects, 0)
        self.last_request = _widened(self.last_request, objects, 0)
        self.slot_of = _widened(self.slot_of, objects, NOBODY)
        self.slot_key = _widened(self.slot_key, slots, NOBODY)
        self.recency = _widened(self.recency, slots, EMPTY_SLOT)
        self.came_in = _widened(self.came_in, slots, EMPTY_SLOT)
        self.slot_counts = _widened(self.slot_counts, slots, 0)

    def numbers(self) -> NDArray[np.float64]:
        """The fields of the single environment's `observed_fields`, in their order."""
        slices, candidates = self.single.layout.slices, self.single.parameters.candidates
        numbers = np.zeros((self.num_envs, self.single.layout.size))
        numbers[:, 0] = self.position + self.waiting
        numbers[:, 1] = NOBODY
        rows = np.flatnonzero(self.waiting)
        keys = self.keys[rows, self.position[rows]]
        numbers[rows, 1] = keys
        numbers[rows, 2] = self.sizes[rows, keys]
        numbers[rows, 3] = self.counts[rows, keys]
        idle = self.position[rows] - self.last_request[rows, keys]
        numbers[rows, 4] = np.where(self.counts[rows, keys] > 0, idle, 0)
        numbers[:, 5] = self.free
        numbers[:, slices["passed_id"]] = self.passed
        slot = self._candidate_slots(self.rows)
        shown = slot.shape[1]
        row = self.rows[:, None]
        cached = self.slot_key[row, slot]
        present = cached != NOBODY
        columns = numbers[:, slices["cached_id"].start :].reshape(self.num_envs, 4, candidates)
        columns[:, 0] = NOBODY
        columns[:, 0, :shown] = cached
        columns[:, 1, :shown] = np.where(present, self.sizes[row, cached], 0)
        columns[:, 2, :shown] = np.where(present, self.counts[row, cached], 0)
        columns[:, 3, :shown] = np.where(present, self.position[:, None] - self.recency[row, slot], 0)
        return numbers

    def advance(self, actions: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Carries out the pending decisions and plays each task on to its next one."""
        hits_before = self.hits.copy()
        going = np.flatnonzero(~self.ended)
        self.passed[going] = NOBODY
        self.num_passed[going] = 0
        self._decide(np.flatnonzero(self.waiting), actions)
        self._run(going[~self.waiting[going]])
        return (self.hits - hits_before).astype(np.float64), self.ended

    def scores(self) -> NDArray[np.float64]:
        """Object hit rates of the scored requests seen so far."""
        scored = self.position + self.waiting - self.single.parameters.warmup_requests
        return np.where(scored > 0, self.hits / np.maximum(scored, 1), np.nan)

    def _run(self, rows: Rows) -> None:
        """Plays tasks that have no pending decision on to one, to the longest run or to the end."""
        warmup = self.single.parameters.warmup_requests
        while len(rows):
            self.ended[rows] = self.position[rows] == self.length
            rows = rows[~self.ended[rows]]
            position = self.position[rows]
            keys = self.keys[rows, position]
            slots = self.slot_of[rows, keys]
            hit = slots != NOBODY
            waits = ~hit & (self.sizes[rows, keys] <= self.capacity)
            self.waiting[rows] = waits
            goes_on = ~waits & (self.num_passed[rows] < self.passed.shape[1])
            rows, keys, slots, hit = rows[goes_on], keys[goes_on], slots[goes_on], hit[goes_on]
            position = position[goes_on]
            self.hits[rows] += hit & (position >= warmup)
            self.recency[rows[hit], slots[hit]] = position[hit]
            self.slot_counts[rows[hit], slots[hit]] += 1
            self.passed[rows, self.num_passed[rows]] = keys
            self.num_passed[rows] += 1
            self._settle(rows)

    def _decide(self, rows: Rows, actions: NDArray[np.int64]) -> None:
        """Carries out the decisions of tasks that wait for one."""
        rows = self._bypass(rows, actions[rows] == BYPASS)
        if self.evicts:
            slots = self._candidate_slots(rows)
            choice = actions[rows] - 1
            absent = choice >= slots.shape[1]
            slot = slots[np.arange(len(rows)), np.where(absent, 0, choice)]
            absent |= self.slot_key[rows, slot] == NOBODY
            crowded = ~self._fits(rows)
            evicting = crowded & ~absent
            self._evict(rows[evicting], slot[evicting])
            rows = self._bypass(rows, crowded & absent)
            self._admit(rows[self._fits(rows)])
        else:
            crowded_rows = rows[~self._fits(rows)]
            while len(crowded_rows):
                self._evict(crowded_rows, self._ranks(crowded_rows).argmin(axis=1))
                crowded_rows = crowded_rows[~self._fits(crowded_rows)]
            self._admit(rows)

    def _ranks(self, rows: Rows) -> NDArray[np.int64]:
        """The order in which the eviction policy takes the slots' objects, lowest first."""
        policy = self.single.parameters.eviction
        if policy == "fifo":
            return self.came_in[rows]
        if policy == "lru":
            return self.recency[rows]
        # LFU, ties to the least recently used: positions stay below the length.
        ranks = self.slot_counts[rows] * self.length + self.recency[rows]
        return np.where(self.slot_key[rows] == NOBODY, EMPTY_SLOT, ranks)

    def _candidate_slots(self, rows: Rows) -> NDArray[np.int64]:
        """Slots of the least recently used objects, shape (rows, at most ``candidates``); empty slots last."""
        return self.recency[rows].argsort(axis=1)[:, : self.single.parameters.candidates]

    def _fits(self, rows: Rows) -> NDArray[np.bool_]:
        """Whether the waiting objects fit without an eviction."""
        fits: NDArray[np.bool_] = self.sizes[rows, self.keys[rows, self.position[rows]]] <= self.free[rows]
        return fits

    def _evict(self, rows: Rows, slots: NDArray[np.int64]) -> None:
        keys = self.slot_key[rows, slots]
        self.free[rows] += self.sizes[rows, keys]
        self.slot_of[rows, keys] = NOBODY
        self.slot_key[rows, slots] = NOBODY
        self.recency[rows, slots] = EMPTY_SLOT
        self.came_in[rows, slots] = EMPTY_SLOT

    def _admit(self, rows: Rows) -> None:
        position = self.position[rows]
        keys = self.keys[rows, position]
        slots = (self.slot_key[rows] == NOBODY).argmax(axis=1)
        self.free[rows] -= self.sizes[rows, keys]
        self.slot_of[rows, keys] = slots
        self.slot_key[rows, slots] = keys
        self.recency[rows, slots] = position
        self.came_in[rows, slots] = position
        self.slot_counts[rows, slots] = 1
        self._settle(rows)

    def _bypass(self, rows: Rows, which: NDArray[np.bool_]) -> Rows:
        """Settles some of the tasks; returns the others."""
        self._settle(rows[which])
        return rows[~which]

    def _settle(self, rows: Rows) -> None:
        position = self.position[rows]
        keys = self.keys[rows, position]
        self.counts[rows, keys] += 1
        self.last_request[rows, keys] = position
        self.position[rows] = position + 1
        self.waiting[rows] = False


def _widened(table: NDArray[np.int64], width: int, filling: int) -> NDArray[np.int64]:
    """A table of shape (tasks, at least ``width``)."""
    missing = width - table.shape[1]
    return table if missing <= 0 else np.pad(table, ((0, 0), (0, missing)), constant_values=filling)
