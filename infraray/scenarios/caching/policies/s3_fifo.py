"""S3-FIFO: a small FIFO queue filters one-hit wonders before they reach the main queue.

Yang, Zhang, Qiu, Yue and Rashmi: FIFO queues are all you need for cache eviction (SOSP 2023).
New objects enter the small queue; those requested at least twice there move to the main queue. The others leave and
are remembered in a ghost queue; if requested again, they enter the main queue at once. The main queue is a CLOCK with
counters up to 3, and objects are taken from it while
it holds more than its share. All shares are of bytes.

libCacheSim's S3FIFO (0.3.5) deviates from the paper where we do not: until the first eviction it puts misses into the
main queue once the small one is full; it checks the main queue's share only before each eviction, not after each
promotion; it keeps no object as large as the small queue; and its ghost queue is a byte smaller if the shares are not
whole bytes.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence

from infraray.scenarios.caching.policies.policy import Policy, check_share

HIGHEST_COUNT = 3
PROMOTED_FROM = 2
"""Hits in the small queue that earn a place in the main queue."""


class S3Fifo(Policy):
    """Three FIFO queues.

    Args:
        capacity: bytes.
        small_share: share of the bytes that the small queue may keep when the cache is full.
    """

    def __init__(self, capacity: int, small_share: float = 0.1) -> None:
        super().__init__(capacity)
        self._main_limit = capacity - int(capacity * check_share("small_share", small_share))
        self._counts: dict[int, int] = {}
        self._sizes: dict[int, int] = {}
        self._small: deque[int] = deque()
        self._main: deque[int] = deque()
        self._main_used = 0
        self._ghosts: OrderedDict[int, int] = OrderedDict()
        self._ghost_used = 0

    def access(self, key: int) -> bool:
        """A hit raises the object's counter."""
        count = self._counts.get(key)
        if count is None:
            return False
        if count < HIGHEST_COUNT:
            self._counts[key] = count + 1
        return True

    def insert(self, key: int, size: int) -> Sequence[int]:
        """Joins the small queue, or the main one if the ghost queue has the object."""
        evicted = []
        remembered = self._forget(key)
        self.used += size
        while self.used > self.capacity:
            victim = self._evict()
            self.used -= self._sizes.pop(victim)
            del self._counts[victim]
            evicted.append(victim)
        self._counts[key] = 0
        self._sizes[key] = size
        if remembered:
            self._main.append(key)
            self._main_used += size
        else:
            self._small.append(key)
        return evicted

    def _evict(self) -> int:
        """Takes the next victim off its queue."""
        while True:
            if self._main_used > self._main_limit or not self._small:
                key = self._main.popleft()
                if self._counts[key] == 0:
                    self._main_used -= self._sizes[key]
                    return key
                self._counts[key] -= 1
                self._main.append(key)
            else:
                key = self._small.popleft()
                if self._counts[key] < PROMOTED_FROM:
                    self._remember(key)
                    return key
                self._counts[key] = 0
                self._main.append(key)
                self._main_used += self._sizes[key]

    def _remember(self, key: int) -> None:
        """Puts an object that leaves the small queue into the ghost queue, which is as large as the main one."""
        self._ghosts[key] = self._sizes[key]
        self._ghost_used += self._sizes[key]
        while self._ghost_used > self._main_limit:
            self._ghost_used -= self._ghosts.popitem(last=False)[1]

    def _forget(self, key: int) -> bool:
        """Removes an object from the ghost queue; returns whether it was there."""
        size = self._ghosts.pop(key, 0)
        self._ghost_used -= size
        return size > 0
