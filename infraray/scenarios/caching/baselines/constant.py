"""The best constant answer: always bypass, or always admit and evict the candidate at the same place.

The place is the one with the best mean score on drawn tasks with the same parameters that no run plays: 1 (the least
recently used, which makes the agent an LRU), 2, 4, 8 ... or the last; 0 always bypasses. If tasks are windows of a
trace it is 1, as those that could be tried may overlap the one that counts. With decision ``admission`` it always or
never admits.
"""

from collections.abc import Sequence

from infraray.agents.agent import Briefing, register_agent
from infraray.agents.constant import BestConstant
from infraray.scenarios.caching.cache import ADMIT, BYPASS
from infraray.scenarios.caching.parameters import CachingParameters


@register_agent("constant", scenario="caching")
class Constant(BestConstant):
    """Never looks at the state."""

    def answers(self, briefing: Briefing) -> Sequence[int]:
        """Bypass, and places that double."""
        assert isinstance(briefing.parameters, CachingParameters)
        if briefing.parameters.workload != "zipf":
            return [ADMIT]
        if briefing.parameters.decision == "admission":
            return [ADMIT, BYPASS]
        last = briefing.parameters.candidates
        return [*(2**power for power in range(last.bit_length()) if 2**power < last), last, BYPASS]
