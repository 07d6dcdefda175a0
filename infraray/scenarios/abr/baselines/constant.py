"""The best constant bitrate: the same quality for every chunk, regardless of link and buffer.

The quality is the one with the best mean score on generated tasks with the same parameters that no
run plays. For tasks cut from throughput files it is the lowest one, since nothing more can be known beforehand without
playing parts of the tasks that count.
"""

from collections.abc import Sequence

from infraray.agents.agent import Briefing, register_agent
from infraray.agents.constant import BestConstant
from infraray.scenarios.abr.parameters import AdaptiveBitrateParameters


@register_agent("constant", scenario="abr")
class Constant(BestConstant):
    """Never looks at the state."""

    def answers(self, briefing: Briefing) -> Sequence[int]:
        """Every quality."""
        assert isinstance(briefing.parameters, AdaptiveBitrateParameters)
        return [0] if briefing.parameters.throughput == "file" else super().answers(briefing)
