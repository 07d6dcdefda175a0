"""Buffer based (BBA): the buffer alone decides.

Takes the lowest quality below the reservoir, the highest above reservoir plus cushion, and spreads the qualities
evenly in between (Huang et al., 2014, with the reservoir of 5 s and the cushion of 10 s that Pensieve compares with).
Needs no prediction; slow to use a fast link and restless in the
cushion.
"""

from infraray.agents.agent import Briefing, ScriptedAgent, register_agent
from infraray.errors import InfrarayError
from infraray.observation import Observation
from infraray.scenarios.abr.parameters import AdaptiveBitrateParameters
from infraray.space import Float, SearchSpace


@register_agent("buffer_based", scenario="abr")
class BufferBased(ScriptedAgent):
    """A quality that rises linearly with the buffer.

    Args:
        reservoir_s: seconds of buffer up to which the lowest quality is taken.
        cushion_s: seconds above the reservoir over which quality rises to the highest.
    """

    search_space = SearchSpace(
        "buffer_based",
        1,
        (Float("reservoir_s", 0.0, 30.0, default=5.0), Float("cushion_s", 0.5, 40.0, default=10.0)),
    )

    def __init__(self, reservoir_s: float = 5.0, cushion_s: float = 10.0) -> None:
        for name, value, least in (("reservoir_s", reservoir_s, 0.0), ("cushion_s", cushion_s, 0.001)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= 1e6:
                raise InfrarayError(f"{name}={value!r}: must be a number of seconds from {least:g} to 1e6")
        self.reservoir_s = reservoir_s
        self.cushion_s = cushion_s

    def reset(self, briefing: Briefing) -> None:
        """Reads the number of qualities."""
        super().reset(briefing)
        assert isinstance(briefing.parameters, AdaptiveBitrateParameters)
        self.highest = len(briefing.parameters.bitrates_kbps) - 1

    def act(self, observation: Observation) -> int:
        """Needs buffer."""
        share = (float(observation.buffer[0]) - self.reservoir_s) / self.cushion_s
        return int(min(max(share, 0.0), 1.0) * self.highest)
