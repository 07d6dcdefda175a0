"""First in, first out (FIFO): the object that came in first goes first, however often it is requested."""

from collections import deque
from collections.abc import Sequence

from infraray.scenarios.caching.policies.policy import Policy


class Fifo(Policy):
    """A queue."""

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self._sizes: dict[int, int] = {}
        self._queue: deque[int] = deque()

    def access(self, key: int) -> bool:
        """Changes nothing."""
        return key in self._sizes

    def insert(self, key: int, size: int) -> Sequence[int]:
        """Joins the end of the queue."""
        evicted = []
        self.used += size
        while self.used > self.capacity:
            first = self._queue.popleft()
            self.used -= self._sizes.pop(first)
            evicted.append(first)
        self._sizes[key] = size
        self._queue.append(key)
        return evicted
