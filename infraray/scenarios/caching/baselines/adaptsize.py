"""AdaptSize, as described in ``policies/adaptsize.py``."""

from infraray.agents.agent import Briefing, register_agent
from infraray.scenarios.caching.baselines.policy_agent import PolicyAgent
from infraray.scenarios.caching.policies.adaptsize import AdaptSize
from infraray.space import Int, SearchSpace


@register_agent("adaptsize", scenario="caching")
class AdaptSizeAgent(PolicyAgent):
    """Plays the policy; its gate draws from the agent's seed.

    Args:
        tuning_interval: requests between two adjustments of the gate.
    """

    search_space = SearchSpace("adaptsize", 1, (Int("tuning_interval", 20, 2000, log=True, default=200),))

    def __init__(self, tuning_interval: int = 200) -> None:
        super().__init__(AdaptSize, tuning_interval=tuning_interval)

    def reset(self, briefing: Briefing) -> None:
        """Starts with an empty cache and the agent's seed."""
        self.options["seed"] = briefing.seed
        super().reset(briefing)
