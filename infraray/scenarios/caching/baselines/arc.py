"""Adaptive replacement cache, as described in ``policies/arc.py``."""

from infraray.agents.agent import register_agent
from infraray.scenarios.caching.baselines.policy_agent import PolicyAgent
from infraray.scenarios.caching.policies.arc import Arc


@register_agent("arc", scenario="caching")
class ArcAgent(PolicyAgent):
    """Plays the policy."""

    def __init__(self) -> None:
        super().__init__(Arc)
