"""Finds segments in many traces at once with guide tables.

A guide table cuts the range of a trace's breakpoints into equal cells and keeps for each cell a
segment at or before every value of the cell. A look-up reads its cell's segment and steps
forward from there, which is one step or none for most values (Chen and Asau, 1974). The cells of breakpoints and
values are computed by the same rounded operation, which is monotone, so the table never points past a value,
regardless of rounding.

The tables of thousands of traces do not fit into a processor's cache, so the cost of a look-up is that of its memory
accesses. There are two: the cell's segment, a small number, and all data of that segment, 32 bytes in one row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from infraray.scenarios.abr.trace import Trace

CELLS_PER_SEGMENT = 4

Numbers = NDArray[np.float64]
Indices = NDArray[np.int64]


class Traces:
    """One trace per task; tasks may share a trace. Results equal those of `Player`, bit for bit."""

    def __init__(self, traces: Sequence[Trace]) -> None:
        distinct = list({id(trace): trace for trace in traces}.values())
        number = {id(trace): index for index, trace in enumerate(distinct)}
        column = np.array([number[id(trace)] for trace in traces])
        self.durations = np.array([trace.duration_s for trace in distinct])[column]
        self.capacities = np.array([trace.capacity_mbit for trace in distinct])[column]
        times, carried = [trace.times for trace in distinct], [trace.carried for trace in distinct]
        rates = [trace.rates for trace in distinct]
        self._by_mbit = _Guide(carried, times, rates, column)
        self._by_time = _Guide(times, carried, rates, column)

    def carry(self, target: Numbers) -> tuple[Numbers, Indices, Numbers]:
        """Finds when each link has carried ``target`` Mbit since its trace's start.

        Brings ``target`` into one pass of the trace. Returns the seconds since the start of that
        pass, the tasks for which it is not the first, and the seconds of their passes before it.
        """
        over = np.flatnonzero(target > self.capacities)
        passed = self.durations[over]
        if len(over):
            capacity = self.capacities[over]
            passes = np.ceil(target[over] / capacity) - 1.0
            within = target[over] - passes * capacity
            behind = within <= 0.0
            within[behind] = capacity[behind]
            passes[behind] -= 1.0
            target[over] = np.minimum(within, capacity)
            passed *= passes
        carried, start, rate = self._by_mbit.first_reaching(target)
        seconds = target - carried
        seconds /= rate
        seconds += start
        return seconds, over, passed

    def move_to(self, tasks: Indices, clock: Numbers) -> tuple[Numbers, Numbers]:
        """The seconds since the start of the pass at ``clock`` and the Mbit carried in it, for some tasks."""
        duration = self.durations[tasks]
        over = np.flatnonzero(clock >= duration)
        if len(over):
            passes = np.floor(clock[over] / duration[over])
            clock[over] = np.maximum(clock[over] - passes * duration[over], 0.0)
        start, carried, rate = self._by_time.last_started(tasks, clock)
        return clock, carried + (clock - start) * rate


class _Guide:
    """A guide table over the breakpoints of every distinct trace.

    Args:
        keys: the searched quantity at each trace's breakpoints, ascending from 0.
        others: the other quantity at each trace's breakpoints.
        rates: each trace's rates.
        column: index of each task's distinct trace.
    """

    def __init__(
        self, keys: Sequence[Numbers], others: Sequence[Numbers], rates: Sequence[Numbers], column: Indices
    ) -> None:
        most = max(len(rate) for rate in rates)
        cells = CELLS_PER_SEGMENT * (most + 1)
        # One cell is left over at the end, for values that rounding puts at the very end.
        scales = np.array([(cells - 1) / points[-1] for points in keys])
        every_cell = np.arange(cells)
        table = np.empty((len(keys), cells), np.min_scalar_type(most))
        segments = _rows_of_four(len(keys) * most).reshape(len(keys), most, 4)
        for index, (key, other, rate) in enumerate(zip(keys, others, rates, strict=True)):
            cell_of_start = (key[:-1] * scales[index]).astype(np.int64)
            table[index] = np.maximum(np.searchsorted(cell_of_start, every_cell) - 1, 0)
            # The last segment has no end, so no search ever steps past it.
            ends = np.append(key[1:-1], np.inf)
            segments[index, : len(rate)] = np.stack([ends, key[:-1], other[:-1], rate], axis=1)
        self._table = table.ravel()
        self._segments = segments.reshape(-1, 4)
        self._scale = scales[column]
        self._first_cell = column * cells
        self._first_segment = column * most

    def first_reaching(self, values: Numbers) -> Numbers:
        """The first segment of each task whose end is at or above the task's value.

        Returns its key, the other and the rate, shape ``(3, tasks)``.
        """
        cells = (values * self._scale).astype(np.int64)
        cells += self._first_cell
        return self._search(values, cells, self._first_segment, np.less)

    def last_started(self, tasks: Indices, values: Numbers) -> Numbers:
        """The last segment, for some tasks, whose start is at or below the task's value, in the same form."""
        cells = (values * self._scale[tasks]).astype(np.int64)
        cells += self._first_cell[tasks]
        return self._search(values, cells, self._first_segment[tasks], np.less_equal)

    def _search(
        self, values: Numbers, cells: Indices, first_segment: Indices, is_before: Callable[..., NDArray[np.bool_]]
    ) -> Numbers:
        """The first segment of each task, from its cell's on, whose end is not before its value."""
        index = self._table.take(cells).astype(np.int64)
        index += first_segment
        segment = self._segments.take(index, axis=0)
        behind = np.flatnonzero(is_before(segment[:, 0], values))
        while len(behind):
            following = index[behind] + 1
            index[behind] = following
            found = self._segments.take(following, axis=0)
            segment[behind] = found
            behind = behind[is_before(found[:, 0], values[behind])]
        return segment.T[1:]


def _rows_of_four(count: int) -> Numbers:
    """Uninitialised rows of four numbers, none of which lies on two cache lines."""
    width = 4 * np.dtype(np.float64).itemsize
    memory = np.empty((count + 1) * width, np.uint8)
    start = -memory.ctypes.data % width
    return memory[start : start + count * width].view(np.float64).reshape(count, 4)
