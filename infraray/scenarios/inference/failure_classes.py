"""Classes of failed trials, from an engine's own one-line reason.

The first three are those of InferenceBench's search baselines, the others say where else it ended.
"""

from __future__ import annotations

import re

INCOMPATIBLE_FLAGS = "incompatible_flags"
RESOURCE_EXHAUSTED = "resource_exhausted"
START_FAILED = "server_start_failed"
NOT_READY = "not_ready_in_time"
SERVER_DIED = "server_died"
REQUESTS_FAILED = "requests_failed"

_RULES = (
    (RESOURCE_EXHAUSTED, r"out of memory|OutOfMemory|MemoryError|No available memory|Cannot allocate|KV cache|killed"),
    (
        INCOMPATIBLE_FLAGS,
        r"unrecognized arguments|invalid choice|invalid .* value|ValidationError|not supported|unsupported|"
        r"incompatible|must be (?:at least|greater|less|one|a multiple)|no such flag|ValueError|NotImplementedError",
    ),
    (NOT_READY, r"not ready after"),
    (SERVER_DIED, r"the server died"),
    (START_FAILED, r"did not start|no such model folder|found no free port"),
)


def classify(reason: str) -> str:
    """The class of a failure.

    Args:
        reason: the trial's, in one line.
    """
    return next((name for name, pattern in _RULES if re.search(pattern, reason, re.IGNORECASE)), REQUESTS_FAILED)
