"""What went wrong, counted per agent."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

KEPT = 1000
"""Different reasons that are remembered of an agent: the most frequent ones, should there be more."""

UNSAID = "no reason was recorded"


class ReasonTally:
    """How often an agent's episodes went wrong, and most often why.

    Args:
        agents: how many there are.
    """

    def __init__(self, agents: int) -> None:
        self.counts = np.zeros(agents, np.int64)
        self._reasons = [Counter[str]() for _ in range(agents)]

    def add(self, agent: NDArray[np.int32], reasons: pa.Array) -> None:
        """Counts episodes with the reasons that they have; ``agent`` is whose each is."""
        np.add.at(self.counts, agent, 1)
        for who, reason in zip(agent.tolist(), reasons.to_pylist(), strict=True):
            self._reasons[who][reason or UNSAID] += 1
        for who, found in enumerate(self._reasons):
            if len(found) > KEPT:
                self._reasons[who] = Counter(dict(found.most_common(KEPT)))

    def commonest(self, agent: int) -> str | None:
        """The most frequent reason, of equals the first by letters; None where nothing went wrong."""
        found = self._reasons[agent]
        return min(found, key=lambda reason: (-found[reason], reason), default=None)
