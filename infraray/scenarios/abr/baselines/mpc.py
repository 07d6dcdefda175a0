"""Model predictive control (MPC) (Yin, Jindal, Sekar and Sinopoli, 2015).

Predicts that throughput stays at the harmonic mean of recent measurements, plays every sequence of qualities for the
next chunks (whose sizes are known) through a model of the buffer, and takes the first quality of the sequence with the
best QoE. All sequences are tried; those that share a beginning share its computation, so five chunks at six qualities
take a few dozen array operations. The model has no sleeps, and no round trip of its own, since measured throughput
already includes it.
"""

import numpy as np
from numpy.typing import NDArray

from infraray.agents.agent import Briefing, ScriptedAgent, register_agent
from infraray.errors import InfrarayError
from infraray.observation import Observation
from infraray.scenarios.abr.baselines.throughput_prediction import check_window, harmonic_mean
from infraray.scenarios.abr.parameters import AdaptiveBitrateParameters
from infraray.space import Float, Int, SearchSpace

MOST_PLANS = 2_000_000


@register_agent("mpc", scenario="abr")
class Mpc(ScriptedAgent):
    """The first quality of the best plan; ties to the lower one; the initial quality before the first chunk.

    Args:
        plan_chunks: chunks planned ahead (of those whose sizes are observed).
        window: number of observed throughputs that the prediction averages.
        discount: share of the predicted throughput that the plan counts on.
    """

    search_space = SearchSpace(
        "mpc",
        1,
        (
            Int("plan_chunks", 1, 5, default=5),
            Int("window", 1, 8, default=5),
            Float("discount", 0.2, 2.0, log=True, default=1.0),
        ),
    )

    def __init__(self, plan_chunks: int = 5, window: int = 5, discount: float = 1.0) -> None:
        if not isinstance(plan_chunks, int) or isinstance(plan_chunks, bool) or plan_chunks < 1:
            raise InfrarayError(f"plan_chunks={plan_chunks!r}: must be a whole number of at least 1")
        if isinstance(discount, bool) or not isinstance(discount, int | float) or not 0 < discount <= 10:
            raise InfrarayError(f"discount={discount!r}: must be a number above 0 and at most 10")
        self.plan_chunks = plan_chunks
        self.window = check_window(window)
        self.discount = discount

    def reset(self, briefing: Briefing) -> None:
        """Reads the qualities and the weights of the QoE."""
        super().reset(briefing)
        parameters = briefing.parameters
        assert isinstance(parameters, AdaptiveBitrateParameters)
        self.qualities = len(parameters.bitrates_kbps)
        depth = min(self.plan_chunks, parameters.horizon)
        if self.qualities**depth > MOST_PLANS:
            raise InfrarayError(
                f"plan_chunks={self.plan_chunks}: {self.qualities}^{depth} plans are more than {MOST_PLANS}; lower it"
            )
        self.depth = depth
        self.gains = np.array(parameters.gains())
        self.stall_weight = parameters.stall_weight
        self.chunk_s = parameters.chunk_s

    def predict(self, throughputs: list[float]) -> float | None:
        """Throughput in Mbit/s, before the discount; None if nothing has been measured yet."""
        return harmonic_mean(throughputs, self.window)

    def act(self, observation: Observation) -> int:
        """Needs buffer, last_quality, chunks_left, throughputs and chunk_sizes."""
        throughput = self.predict(observation.throughputs.tolist())
        last_quality = int(observation.last_quality[0])
        if throughput is None:
            return last_quality
        depth = min(self.depth, int(observation.chunks_left[0]))
        download_s = observation.chunk_sizes[: depth * self.qualities].reshape(depth, -1) / (self.discount * throughput)
        values = self.plan_values(float(observation.buffer[0]), last_quality, download_s)
        sharing_first_quality = len(values) // self.qualities
        return int(values.argmax()) // sharing_first_quality

    def plan_values(self, buffer_s: float, last_quality: int, download_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """QoE of every plan, shape ``(qualities ** chunks,)``, the last chunk's quality varying fastest.

        Args:
            buffer_s: video in the buffer in seconds.
            last_quality: quality of the last chunk.
            download_s: predicted seconds of each coming chunk at each quality, shape ``(chunks, qualities)``.
        """
        left = buffer_s - download_s[0]
        values: NDArray[np.float64] = self.gains[last_quality] + self.stall_weight * np.minimum(left, 0.0)
        for seconds in download_s[1:]:
            buffers = np.maximum(left, 0.0)
            buffers += self.chunk_s
            # Rows are plans so far, columns the next quality.
            left = (buffers[:, None] - seconds).ravel()
            gained = np.minimum(left, 0.0)
            gained *= self.stall_weight
            table = gained.reshape(-1, self.qualities, self.qualities)
            table += self.gains
            table += values.reshape(-1, self.qualities, 1)
            values = gained
        return values
