"""Sums of a figure, one for each agent, to which episodes are added a batch at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from infraray.statistics.magnitude import scale_of


class AgentSums:
    """Sums and counts per agent; the figures may be as large as numbers go.

    Figures are added one by one in the order in which they come, so that the sums do not depend on where one
    batch ends and the next begins.

    Args:
        agents: how many there are.
    """

    def __init__(self, agents: int) -> None:
        self.counts = np.zeros(agents, np.int64)
        self._scaled = np.zeros(agents)
        self._scale = 0.0

    def add(self, agent: NDArray[np.int32], values: NDArray[np.float64]) -> None:
        """Adds the figures that are not NaN.

        Args:
            agent: for each figure, the number of the agent that it is of.
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
        """The sum per agent; 0 for an agent without any figure."""
        totals: NDArray[np.float64] = self._scaled * self._scale
        return totals

    @property
    def means(self) -> NDArray[np.float64]:
        """The mean per agent; NaN for an agent without any figure."""
        unknown = np.full(self._scaled.shape, np.nan)
        means: NDArray[np.float64] = np.divide(self._scaled, self.counts, out=unknown, where=self.counts > 0)
        return means * self._scale if self.counts.any() else means
