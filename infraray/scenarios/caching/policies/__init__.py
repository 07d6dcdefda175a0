"""The classical cache policies, one per file, each the only implementation of its algorithm."""

from infraray.scenarios.caching.policies.adaptsize import AdaptSize
from infraray.scenarios.caching.policies.arc import Arc
from infraray.scenarios.caching.policies.fifo import Fifo
from infraray.scenarios.caching.policies.lfu import Lfu
from infraray.scenarios.caching.policies.lru import Lru
from infraray.scenarios.caching.policies.policy import EVICTION_POLICIES, Policy
from infraray.scenarios.caching.policies.replay import replay
from infraray.scenarios.caching.policies.s3_fifo import S3Fifo
from infraray.scenarios.caching.policies.sieve import Sieve
from infraray.scenarios.caching.policies.size_aware import SizeAware
from infraray.scenarios.caching.policies.w_tiny_lfu import WTinyLfu

EVICTION_POLICIES.update(
    fifo=Fifo,
    lru=Lru,
    lfu=Lfu,
    sieve=Sieve,
    s3_fifo=S3Fifo,
    arc=Arc,
    w_tiny_lfu=WTinyLfu,
)

__all__ = [
    "EVICTION_POLICIES",
    "AdaptSize",
    "Arc",
    "Fifo",
    "Lfu",
    "Lru",
    "Policy",
    "S3Fifo",
    "Sieve",
    "SizeAware",
    "WTinyLfu",
    "replay",
]
