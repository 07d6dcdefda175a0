"""Least recently used (LRU): the object that has not been requested for the longest time goes first."""

from collections import OrderedDict
from collections.abc import Sequence

from infraray.scenarios.caching.policies.policy import Policy


class Lru(Policy):
    """A list in order of last request."""

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self._sizes: OrderedDict[int, int] = OrderedDict()

    def access(self, key: int) -> bool:
        """A hit moves to the recent end."""
        if key in self._sizes:
            self._sizes.move_to_end(key)
            return True
        return False

    def insert(self, key: int, size: int) -> Sequence[int]:
        """Joins the recent end."""
        evicted = []
        self.used += size
        while self.used > self.capacity:
            oldest, freed = self._sizes.popitem(last=False)
            self.used -= freed
            evicted.append(oldest)
        self._sizes[key] = size
        return evicted
