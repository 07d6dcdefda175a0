"""First in, first out, as described in ``policies/fifo.py``."""

from infraray.agents.agent import register_agent
from infraray.scenarios.caching.baselines.policy_agent import PolicyAgent
from infraray.scenarios.caching.policies.fifo import Fifo


@register_agent("fifo", scenario="caching")
class FifoAgent(PolicyAgent):
    """Plays the policy."""

    def __init__(self) -> None:
        super().__init__(Fifo)
