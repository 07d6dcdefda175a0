"""How many steps each of many tasks has taken: one number while all have taken as many.

Tasks of one length that start and end together are the rule, and what differs from step to step is then read in whole
rows of memory. Once some are reset on the way, each task has its own number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

StepsTaken = int | NDArray[np.int64]
"""One number for all tasks, or shape ``(tasks,)``."""


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
    """The steps, where they are more the most that there are."""
    return min(steps, most) if isinstance(steps, int) else np.minimum(steps, most)


def begun_again(steps: StepsTaken, rows: NDArray[np.int64], tasks: int) -> StepsTaken:
    """The same after some tasks have gone back to the start."""
    each = np.full(tasks, steps)
    each[rows] = 0
    return int(each[0]) if (each == each[0]).all() else each
