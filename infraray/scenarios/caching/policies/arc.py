"""Adaptive replacement cache (ARC): recency and frequency share the cache according to hits in their ghost lists.

Megiddo and Modha: ARC: a self-tuning, low overhead replacement cache (FAST 2003). `recent` (T1 in
the paper) holds objects requested once, `frequent` (T2) those requested again; each has a ghost list (B1, B2) of the
objects it lost. A miss found in a ghost list moves the target size of `recent`. Here everything counts bytes instead
of pages; with equal sizes it is the paper's algorithm.
"""

from collections import OrderedDict
from collections.abc import Sequence

from infraray.scenarios.caching.policies.policy import Policy


class _Sized(OrderedDict[int, int]):
    """Keys with sizes in order of last request, and the sum of the sizes in bytes."""

    used = 0

    def push(self, key: int, size: int) -> None:
        self[key] = size
        self.used += size

    def take(self, key: int) -> int:
        size = self.pop(key)
        self.used -= size
        return size

    def take_oldest(self) -> tuple[int, int]:
        key, size = self.popitem(last=False)
        self.used -= size
        return key, size


class Arc(Policy):
    """Two LRU lists, each with a ghost list."""

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity)
        self._recent, self._frequent = _Sized(), _Sized()
        self._recent_ghosts, self._frequent_ghosts = _Sized(), _Sized()
        self._target = 0.0
        """Bytes that `recent` should hold when the cache is full."""

    def access(self, key: int) -> bool:
        """A hit moves to the recent end of `frequent`."""
        if key in self._frequent:
            self._frequent.move_to_end(key)
            return True
        if key in self._recent:
            self._frequent.push(key, self._recent.take(key))
            return True
        return False

    def insert(self, key: int, size: int) -> Sequence[int]:
        """Joins `frequent` if a ghost list has the object, else `recent`."""
        evicted: list[int] = []
        recent_ghosts, frequent_ghosts = self._recent_ghosts, self._frequent_ghosts
        if key in recent_ghosts:
            step = size * max(1.0, frequent_ghosts.used / recent_ghosts.used)
            self._target = min(self._target + step, float(self.capacity))
            recent_ghosts.take(key)
            self._make_room(size, evicted, spare_recent_at_target=True)
            self._frequent.push(key, size)
        elif key in frequent_ghosts:
            step = size * max(1.0, recent_ghosts.used / frequent_ghosts.used)
            self._target = max(self._target - step, 0.0)
            frequent_ghosts.take(key)
            self._make_room(size, evicted, spare_recent_at_target=False)
            self._frequent.push(key, size)
        else:
            self._make_room(size, evicted, spare_recent_at_target=True)
            self._recent.push(key, size)
        self.used += size
        self._trim_ghosts()
        return evicted

    def _make_room(self, size: int, evicted: list[int], spare_recent_at_target: bool) -> None:
        """The paper's REPLACE, until ``size`` bytes are free."""
        recent, frequent = self._recent, self._frequent
        while self.used + size > self.capacity:
            above = recent.used > self._target or (recent.used == self._target and not spare_recent_at_target)
            if recent and (above or not frequent):
                key, freed = recent.take_oldest()
                self._recent_ghosts.push(key, freed)
            else:
                key, freed = frequent.take_oldest()
                self._frequent_ghosts.push(key, freed)
            self.used -= freed
            evicted.append(key)

    def _trim_ghosts(self) -> None:
        """Keeps `recent` and its ghosts within one capacity, all four lists within two."""
        while self._recent_ghosts and self._recent.used + self._recent_ghosts.used > self.capacity:
            self._recent_ghosts.take_oldest()
        total = self.used + self._recent_ghosts.used + self._frequent_ghosts.used
        while self._frequent_ghosts and total > 2 * self.capacity:
            total -= self._frequent_ghosts.take_oldest()[1]
