"""Failures, counted per agent."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

KEPT = 1000
"""The most distinct reasons remembered per agent; if there are more, the most frequent ones."""

UNSAID = "no reason was recorded"


class ReasonTally:
    """Counts an agent's failed episodes, and their reasons.

    Args:
        agents: the number of agents.
    """

    def __init__(self, agents: int) -> None:
        self.counts = np.zeros(agents, np.int64)
        self._reasons = [Counter[str]() for _ in range(agents)]

    def add(self, agent: NDArray[np.int32], reasons: pa.Array) -> None:
        """Counts episodes with their reasons; ``agent`` gives the agent of each."""
        np.add.at(self.counts, agent, 1)
        for who, reason in zip(agent.tolist(), reasons.to_pylist(), strict=True):
            self._reasons[who][reason or UNSAID] += 1
        for who, found in enumerate(self._reasons):
            if len(found) > KEPT:
                self._reasons[who] = Counter(dict(found.most_common(KEPT)))

    def commonest(self, agent: int) -> str | None:
        """The most frequent reason, among equals the first alphabetically; None if nothing went wrong."""
        found = self._reasons[agent]
        return min(found, key=lambda reason: (-found[reason], reason), default=None)
