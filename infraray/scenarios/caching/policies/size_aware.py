"""Size-aware admission: large objects are never admitted; an LRU manages the others.

One large object displaces many small ones, which together would be hit more often. The best threshold depends on the
workload; AdaptSize learns it.
"""

from collections.abc import Sequence

from infraray.scenarios.caching.policies.lru import Lru
from infraray.scenarios.caching.policies.policy import check_share


class SizeAware(Lru):
    """LRU behind a fixed size threshold.

    Args:
        capacity: bytes.
        threshold_share: the largest share of the capacity that one object may take.
    """

    def __init__(self, capacity: int, threshold_share: float = 0.1) -> None:
        super().__init__(capacity)
        self.threshold = int(capacity * check_share("threshold_share", threshold_share))
        """Bytes of the largest object that is admitted."""

    def insert(self, key: int, size: int) -> Sequence[int]:
        """Rejects objects larger than the threshold."""
        return super().insert(key, size) if size <= self.threshold else [key]
