"""Least frequently used, as described in ``policies/lfu.py``."""

from infraray.agents.agent import register_agent
from infraray.scenarios.caching.baselines.policy_agent import PolicyAgent
from infraray.scenarios.caching.policies.lfu import Lfu


@register_agent("lfu", scenario="caching")
class LfuAgent(PolicyAgent):
    """Plays the policy."""

    def __init__(self) -> None:
        super().__init__(Lfu)
