"""The best constant bitrate: the same quality for every chunk, whatever the link and the buffer do.

The quality is the one with the best mean score on generated tasks with the same parameters that no
run plays. Where tasks are cut from throughput files it is the lowest one, for nothing else can be
said of them beforehand without playing parts of the tasks that count.
"""

from collections.abc import Sequence

from infraray.agents.agent import Briefing, register_agent
from infraray.agents.constant import BestConstant
from infraray.scenarios.abr.parameters import AdaptiveBitrateParameters


@register_agent("constant", scenario="abr")
class Constant(BestConstant):
    """Never looks."""

    def answers(self, briefing: Briefing) -> Sequence[int]:
        """Every quality."""
        assert isinstance(briefing.parameters, AdaptiveBitrateParameters)
        return [0] if briefing.parameters.throughput == "file" else super().answers(briefing)
