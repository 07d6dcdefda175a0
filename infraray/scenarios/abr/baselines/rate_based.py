"""Rate based: the highest bitrate below the predicted throughput.

The prediction is the harmonic mean of recent throughputs. Blind to the buffer: it stalls if the prediction is too high
and does not spend a full buffer on quality.
"""

from infraray.agents.agent import Briefing, ScriptedAgent, register_agent
from infraray.errors import InfrarayError
from infraray.observation import Observation
from infraray.scenarios.abr.baselines.throughput_prediction import check_window, harmonic_mean
from infraray.scenarios.abr.parameters import AdaptiveBitrateParameters
from infraray.space import Float, Int, SearchSpace


@register_agent("rate_based", scenario="abr")
class RateBased(ScriptedAgent):
    """The highest bitrate of at most ``safety`` times the prediction; the initial quality before the first chunk.

    Args:
        window: number of observed throughputs that are averaged.
        safety: share of the predicted throughput that may be used.
    """

    search_space = SearchSpace(
        "rate_based", 1, (Int("window", 1, 8, default=5), Float("safety", 0.2, 2.0, log=True, default=1.0))
    )

    def __init__(self, window: int = 5, safety: float = 1.0) -> None:
        self.window = check_window(window)
        if isinstance(safety, bool) or not isinstance(safety, int | float) or not 0 < safety <= 10:
            raise InfrarayError(f"safety={safety!r}: must be a number above 0 and at most 10")
        self.safety = safety

    def reset(self, briefing: Briefing) -> None:
        """Reads the bitrates."""
        super().reset(briefing)
        assert isinstance(briefing.parameters, AdaptiveBitrateParameters)
        self.bitrates_mbps = briefing.parameters.bitrates_mbps

    def act(self, observation: Observation) -> int:
        """Needs throughputs and last_quality."""
        predicted = harmonic_mean(observation.throughputs.tolist(), self.window)
        if predicted is None:
            return int(observation.last_quality[0])
        return max(0, sum(bitrate <= self.safety * predicted for bitrate in self.bitrates_mbps) - 1)
