"""Least recently used, as described in ``policies/lru.py``."""

from infraray.agents.agent import register_agent
from infraray.scenarios.caching.baselines.policy_agent import PolicyAgent
from infraray.scenarios.caching.policies.lru import Lru


@register_agent("lru", scenario="caching")
class LruAgent(PolicyAgent):
    """Plays the policy."""

    def __init__(self) -> None:
        super().__init__(Lru)
