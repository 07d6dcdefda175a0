"""Least frequently used (LFU), in-cache: the object with the fewest requests since it came in goes first.

Ties go to the least recently used. An object that leaves is forgotten ("in-cache" LFU), and old
popularity never fades, so a drift in what is popular leaves dead objects behind. Takes constant time with one list per
count (Shah, Mitra and Matani, 2010).
"""

from collections import OrderedDict
from collections.abc import Sequence

from infraray.scenarios.caching.policies.policy import Policy


class Lfu(Policy):
    """A list in order of last request for every count."""

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self._counts: dict[int, int] = {}
        self._lists: dict[int, OrderedDict[int, int]] = {1: OrderedDict()}
        self._lowest = 1
        """The lowest count of any object."""

    def access(self, key: int) -> bool:
        """A hit moves to the list of the next count."""
        count = self._counts.get(key)
        if count is None:
            return False
        size = self._lists[count].pop(key)
        self._counts[key] = count + 1
        if count + 1 not in self._lists:
            self._lists[count + 1] = OrderedDict()
        self._lists[count + 1][key] = size
        if count > 1 and not self._lists[count]:
            del self._lists[count]
        return True

    def insert(self, key: int, size: int) -> Sequence[int]:
        """Starts with a count of 1."""
        evicted = []
        self.used += size
        while self.used > self.capacity:
            while not self._lists.get(self._lowest):
                self._lowest += 1
            victim, freed = self._lists[self._lowest].popitem(last=False)
            del self._counts[victim]
            self.used -= freed
            evicted.append(victim)
        self._counts[key] = 1
        self._lists[1][key] = size
        self._lowest = 1
        return evicted
