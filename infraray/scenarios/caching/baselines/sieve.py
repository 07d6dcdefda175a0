"""SIEVE, as described in ``policies/sieve.py``."""

from infraray.agents.agent import register_agent
from infraray.scenarios.caching.baselines.policy_agent import PolicyAgent
from infraray.scenarios.caching.policies.sieve import Sieve


@register_agent("sieve", scenario="caching")
class SieveAgent(PolicyAgent):
    """Plays the policy."""

    def __init__(self) -> None:
        super().__init__(Sieve)
