"""S3-FIFO, as described in ``policies/s3_fifo.py``."""

from infraray.agents.agent import register_agent
from infraray.scenarios.caching.baselines.policy_agent import PolicyAgent
from infraray.scenarios.caching.policies.s3_fifo import S3Fifo
from infraray.space import Float, SearchSpace


@register_agent("s3_fifo", scenario="caching")
class S3FifoAgent(PolicyAgent):
    """Plays the policy.

    Args:
        small_share: share of the bytes that the small queue may keep when the cache is full.
    """

    search_space = SearchSpace("s3_fifo", 1, (Float("small_share", 0.005, 0.95, log=True, default=0.1),))

    def __init__(self, small_share: float = 0.1) -> None:
        super().__init__(S3Fifo, small_share=small_share)
