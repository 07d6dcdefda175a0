"""A throughput trace: what a link can carry, second by second, from its start to its end and then again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class Trace:
    """Throughput that is constant between breakpoints.

    Args:
        times: breakpoints in seconds, ascending from 0, shape ``(segments + 1,)``.
        rates: throughput of each segment in Mbit/s, shape ``(segments,)``.
        carried: Mbit carried from the start up to each breakpoint, shape ``(segments + 1,)``.
    """

    times: NDArray[np.float64]
    rates: NDArray[np.float64]
    carried: NDArray[np.float64]

    @classmethod
    def of(cls, durations: ArrayLike, rates: ArrayLike) -> Trace:
        """A trace of segments with ``durations`` in seconds (above 0) and ``rates`` in Mbit/s (0 or more)."""
        lengths, levels = np.asarray(durations, np.float64), np.asarray(rates, np.float64)
        times = np.concatenate([[0.0], np.cumsum(lengths)])
        return cls(times, levels, np.concatenate([[0.0], np.cumsum(np.diff(times) * levels)]))

    @property
    def duration_s(self) -> float:
        """Seconds until the trace starts again."""
        return float(self.times[-1])

    @property
    def capacity_mbit(self) -> float:
        """Mbit that the link carries in one pass of the trace."""
        return float(self.carried[-1])

    def mbit_until(self, times: ArrayLike) -> NDArray[np.float64]:
        """Mbit carried from time 0 to ``times`` in seconds, which may lie in any pass of the trace."""
        passes, within = np.divmod(np.asarray(times, np.float64), self.duration_s)
        return passes * self.capacity_mbit + np.interp(within, self.times, self.carried)

    def time_of(self, mbit: float) -> float:
        """Seconds from time 0 until the link has carried ``mbit``, possibly in a later pass of the trace."""
        passes, within = divmod(mbit, self.capacity_mbit)
        segment = min(int(np.searchsorted(self.carried[1:], within)), len(self.rates) - 1)
        rest = within - float(self.carried[segment])
        # Nothing is left to carry where the link is down: the time is the segment's start.
        flowing = rest / float(self.rates[segment]) if rest > 0 else 0.0
        return passes * self.duration_s + float(self.times[segment]) + flowing
