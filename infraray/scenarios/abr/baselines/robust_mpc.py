"""RobustMPC: MPC that trusts its prediction less after recent errors (Yin et al., 2015).

The prediction is divided by 1 + the largest relative error |predicted - measured| / measured of
the last chunks, where predicted is the harmonic mean before that division. It approximates
planning for the worst throughput that recent errors make plausible.
"""

from collections import deque

from infraray.agents.agent import Briefing, register_agent
from infraray.scenarios.abr.baselines.mpc import Mpc
from infraray.space import Int, SearchSpace


@register_agent("robust_mpc", scenario="abr")
class RobustMpc(Mpc):
    """MPC on a discounted prediction.

    Args:
        plan_chunks: chunks planned ahead (of those whose sizes are observed).
        window: number of throughputs that the prediction averages and of errors that the discount considers.
    """

    search_space = SearchSpace("robust_mpc", 1, (Int("plan_chunks", 1, 5, default=5), Int("window", 1, 8, default=5)))

    def __init__(self, plan_chunks: int = 5, window: int = 5) -> None:
        super().__init__(plan_chunks, window)

    def reset(self, briefing: Briefing) -> None:
        """Forgets the last episode's errors."""
        super().reset(briefing)
        self.errors: deque[float] = deque(maxlen=self.window)
        self.predicted: float | None = None

    def predict(self, throughputs: list[float]) -> float | None:
        """The harmonic mean over 1 + the largest recent relative error."""
        if self.predicted is not None:
            self.errors.append(abs(self.predicted - throughputs[-1]) / throughputs[-1])
        self.predicted = super().predict(throughputs)
        return None if self.predicted is None else self.predicted / (1 + max(self.errors, default=0.0))
