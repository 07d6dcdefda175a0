"""SIEVE: a hand sieves a FIFO queue; objects requested since the last pass stay in their place.

Zhang, Yang, Yue, Vigfusson and Rashmi: SIEVE is Simpler than LRU (NSDI 2024). A hit only sets a
bit. The hand goes from the oldest object to the newest and starts again at the oldest; it clears
set bits and evicts the first object whose bit is clear. Unlike CLOCK it does not move survivors, so new objects that
are not requested again are sieved out quickly.
"""

from collections import deque
from collections.abc import Sequence

from infraray.scenarios.caching.policies.policy import Policy


class Sieve(Policy):
    """The queue, split at the hand.

    A survivor keeps its place, which is before every object that the hand has not reached yet, so a queue of survivors
    and a queue of the remaining objects represent the whole order.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self._sizes: dict[int, int] = {}
        self._visited: set[int] = set()
        self._survivors: deque[int] = deque()
        self._ahead: deque[int] = deque()

    def access(self, key: int) -> bool:
        """A hit sets the object's bit."""
        if key in self._sizes:
            self._visited.add(key)
            return True
        return False

    def insert(self, key: int, size: int) -> Sequence[int]:
        """Joins the queue as its newest object, with a clear bit."""
        evicted = []
        self.used += size
        while self.used > self.capacity:
            candidate = self._ahead.popleft()
            if candidate in self._visited:
                self._visited.remove(candidate)
                self._survivors.append(candidate)
            else:
                self.used -= self._sizes.pop(candidate)
                evicted.append(candidate)
            if not self._ahead:
                # Past the newest object the hand starts again, before the new one comes in.
                self._ahead, self._survivors = self._survivors, self._ahead
        self._sizes[key] = size
        self._ahead.append(key)
        return evicted
