"""Checks of seeds and counts given by programs: whole numbers, Python's or NumPy's; no floats, no booleans."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from infraray.errors import InfrarayError


@dataclass(frozen=True)
class SeedRange:
    """Seeds from ``start`` up to but not including ``stop``; a million take no memory."""

    start: int
    stop: int

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.start, self.stop))

    def __len__(self) -> int:
        return self.stop - self.start

    def __contains__(self, seed: object) -> bool:
        return seed in range(self.start, self.stop)


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number: 3 and ``np.int64(3)`` are, 3.0 and True are not."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def checked_seed(value: Any, owner: str) -> int:
    """A task's seed as a Python ``int``.

    Raises:
        InfrarayError: it is not one; the line starts with ``owner``.
    """
    if not is_whole(value) or value < 0:
        raise InfrarayError(f"{owner}: seed={value!r}: must be a whole number of at least 0")
    return int(value)
