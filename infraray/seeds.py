"""Seeds and counts as programs give them: whole numbers, Python's or NumPy's; no floats and no truth values."""

from __future__ import annotations

from typing import Any

import numpy as np

from infraray.errors import InfrarayError


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number: 3 and ``np.int64(3)`` are, 3.0 and True are not."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def checked_seed(value: Any, owner: str) -> int:
    """A task's seed as Python's number.

    Raises:
        InfrarayError: it is none, in one line that ``owner`` starts.
    """
    if not is_whole(value) or value < 0:
        raise InfrarayError(f"{owner}: seed={value!r}: must be a whole number of at least 0")
    return int(value)
