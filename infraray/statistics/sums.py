"""Per-agent sums of a figure, built up batch by batch of episodes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from infraray.statistics.magnitude import scale_of


class AgentSums:
    """Sums and counts per agent; the figures may be as large as a float can hold.

    Figures are added one by one in order of arrival, so the sums do not depend on how they are split into batches.

    Args:
        agents: the number of agents.
    """

    def __init__(self, agents: int) -> None:
        self.counts = np.zeros(agents, np.int64)
        self._scaled = np.zeros(agents)
        self._scale = 0.0

    def add(self, agent: NDArray[np.int32], values: NDArray[np.float64]) -> None:
        """Adds the figures that are not NaN.

        Args:
            agent: the index of the agent that each figure belongs to.
            values: the figures.
        """
        there = ~np.isnan(values)
        if not there.any():
            return
        agent, values = agent[there], values[there]
        scale = max(self._scale, float(scale_of(values)))
        self._scaled *= self._scale / scale
        self._scale = scale
        np.add.at(self._scaled, agent, values / scale)
        np.add.at(self.counts, agent, 1)

    @property
    def totals(self) -> NDArray[np.float64]:
        """The sum per agent; 0 for an agent without figures."""
        totals: NDArray[np.float64] = self._scaled * self._scale
        return totals

    @property
    def means(self) -> NDArray[np.float64]:
        """The mean per agent; NaN for an agent without figures."""
        unknown = np.full(self._scaled.shape, np.nan)
        means: NDArray[np.float64] = np.divide(self._scaled, self.counts, out=unknown, where=self.counts > 0)
        return means * self._scale if self.counts.any() else means
