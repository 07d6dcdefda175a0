"""The number of steps that each of many tasks has taken: a single one while all have taken equally many.

Usually tasks have one length and start and end together, so data that differs from step to step is read in whole rows
of memory. Once some tasks are reset on the way, each has its own number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

StepsTaken = int | NDArray[np.int64]
"""A single number for all tasks, or an array of shape ``(tasks,)``."""


def at(table: NDArray[Any], steps: StepsTaken) -> NDArray[Any]:
    """The entries of a table of shape ``(steps, ..., tasks)`` at each task's step, shape ``(..., tasks)``."""
    if isinstance(steps, int):
        entries: NDArray[Any] = table[steps]
        return entries
    return np.moveaxis(table[steps, ..., np.arange(table.shape[-1])], 0, -1)


def window(table: NDArray[Any], steps: StepsTaken, length: int) -> NDArray[Any]:
    """The ``length`` entries from each task's step on, shape ``(length, ..., tasks)``."""
    if isinstance(steps, int):
        return table[steps : steps + length]
    return np.array([at(table, steps + ahead) for ahead in range(length)]).reshape(length, *table.shape[1:])


def at_most(steps: StepsTaken, most: int) -> StepsTaken:
    """The steps, capped at the number that there are."""
    return min(steps, most) if isinstance(steps, int) else np.minimum(steps, most)


def begun_again(steps: StepsTaken, rows: NDArray[np.int64], tasks: int) -> StepsTaken:
    """The same after some tasks have gone back to the start."""
    each = np.full(tasks, steps)
    each[rows] = 0
    return int(each[0]) if (each == each[0]).all() else each
