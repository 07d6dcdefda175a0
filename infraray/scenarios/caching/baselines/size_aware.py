"""Size-aware admission, as described in ``policies/size_aware.py``."""

from infraray.agents.agent import register_agent
from infraray.scenarios.caching.baselines.policy_agent import PolicyAgent
from infraray.scenarios.caching.policies.size_aware import SizeAware
from infraray.space import Float, SearchSpace


@register_agent("size_aware", scenario="caching")
class SizeAwareAgent(PolicyAgent):
    """Plays the policy.

    Args:
        threshold_share: the largest share of the capacity that one object may take.
    """

    search_space = SearchSpace("size_aware", 1, (Float("threshold_share", 0.01, 0.99, log=True, default=0.1),))

    def __init__(self, threshold_share: float = 0.1) -> None:
        super().__init__(SizeAware, threshold_share=threshold_share)
