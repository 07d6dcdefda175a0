"""BOLA: buffer-based, with weights from Lyapunov optimisation (Spiteri, Urgaonkar and Sitaraman, 2016).

Takes the quality q with the largest (V * (utility_q + gamma) - buffer) / size_q, where
utility_q = ln(bitrate_q / bitrate_0) and size_q is the coming chunk's. A quality's numerator
turns negative at the buffer V * (utility_q + gamma); V and gamma are chosen so that this is ``minimum_buffer_s`` for
the lowest and ``target_buffer_s`` for the highest quality. Needs no prediction and is near-optimal for its utility;
ignores the cost of quality changes.
"""

import math

from infraray.agents.agent import Briefing, ScriptedAgent, register_agent
from infraray.errors import InfrarayError
from infraray.observation import Observation
from infraray.scenarios.abr.parameters import AdaptiveBitrateParameters
from infraray.space import Float, SearchSpace


@register_agent("bola", scenario="abr")
class Bola(ScriptedAgent):
    """The best utility and smoothness per bit for the current buffer.

    Args:
        minimum_buffer_s: buffer above which even the lowest quality would not be worth fetching by itself.
        target_buffer_s: the same for the highest quality.
    """

    search_space = SearchSpace(
        "bola",
        1,
        (Float("minimum_buffer_s", 1.0, 29.0, default=10.0), Float("target_buffer_s", 30.0, 90.0, default=30.0)),
    )

    def __init__(self, minimum_buffer_s: float = 10.0, target_buffer_s: float = 30.0) -> None:
        for name, value in (("minimum_buffer_s", minimum_buffer_s), ("target_buffer_s", target_buffer_s)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1e6:
                raise InfrarayError(f"{name}={value!r}: must be a number of seconds above 0 and at most 1e6")
        if target_buffer_s <= minimum_buffer_s:
            raise InfrarayError(f"target_buffer_s={target_buffer_s!r}: must be above minimum_buffer_s")
        self.minimum_buffer_s = minimum_buffer_s
        self.target_buffer_s = target_buffer_s

    def reset(self, briefing: Briefing) -> None:
        """Computes the buffer at which each quality's numerator turns negative."""
        super().reset(briefing)
        assert isinstance(briefing.parameters, AdaptiveBitrateParameters)
        bitrates = briefing.parameters.bitrates_mbps
        utilities = [math.log(bitrate / bitrates[0]) for bitrate in bitrates]
        slope = (self.target_buffer_s - self.minimum_buffer_s) / utilities[-1]
        self.worthwhile_s = [self.minimum_buffer_s + slope * utility for utility in utilities]

    def act(self, observation: Observation) -> int:
        """Needs buffer and chunk_sizes."""
        buffer = float(observation.buffer[0])
        sizes = observation.chunk_sizes[: len(self.worthwhile_s)].tolist()
        return max(range(len(sizes)), key=lambda quality: (self.worthwhile_s[quality] - buffer) / sizes[quality])
