"""The classical policies of caching as agents, one per file."""

from infraray.scenarios.caching.baselines.adaptsize import AdaptSizeAgent
from infraray.scenarios.caching.baselines.arc import ArcAgent
from infraray.scenarios.caching.baselines.constant import Constant
from infraray.scenarios.caching.baselines.fifo import FifoAgent
from infraray.scenarios.caching.baselines.lfu import LfuAgent
from infraray.scenarios.caching.baselines.lru import LruAgent
from infraray.scenarios.caching.baselines.s3_fifo import S3FifoAgent
from infraray.scenarios.caching.baselines.sieve import SieveAgent
from infraray.scenarios.caching.baselines.size_aware import SizeAwareAgent
from infraray.scenarios.caching.baselines.w_tiny_lfu import WTinyLfuAgent

__all__ = [
    "AdaptSizeAgent",
    "ArcAgent",
    "Constant",
    "FifoAgent",
    "LfuAgent",
    "LruAgent",
    "S3FifoAgent",
    "SieveAgent",
    "SizeAwareAgent",
    "WTinyLfuAgent",
]
