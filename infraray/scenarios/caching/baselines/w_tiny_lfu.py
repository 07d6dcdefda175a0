"""W-TinyLFU, as described in ``policies/w_tiny_lfu.py``."""

from infraray.agents.agent import register_agent
from infraray.scenarios.caching.baselines.policy_agent import PolicyAgent
from infraray.scenarios.caching.policies.w_tiny_lfu import WTinyLfu
from infraray.space import Float, SearchSpace


@register_agent("w_tiny_lfu", scenario="caching")
class WTinyLfuAgent(PolicyAgent):
    """Plays the policy.

    Args:
        window_share: share of the bytes for the window, which holds at least its newest object.
    """

    search_space = SearchSpace("w_tiny_lfu", 1, (Float("window_share", 0.001, 0.95, log=True, default=0.01),))

    def __init__(self, window_share: float = 0.01) -> None:
        super().__init__(WTinyLfu, window_share=window_share)
