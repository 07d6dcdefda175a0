"""W-TinyLFU: a small LRU window in front of a segmented LRU that only admits more frequently requested objects.

Einziger, Friedman and Manes: TinyLFU: a highly efficient cache admission policy (ACM TOS 2017).
An object that overflows the window must have been requested more often than the one it would displace, or it leaves
instead. Requests are counted for cached and uncached objects alike, up to
15, and all counts are halved from time to time, so that old popularity fades. Counts are exact, in a dict, where the
authors use an approximate sketch.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence

from infraray.scenarios.caching.policies.policy import Policy, check_share

HIGHEST_COUNT = 15
SAMPLE = 10
"""Requests per cached object after which the counts are halved."""
PROTECTED_SHARE = 0.8
"""Share of the main part's bytes for objects that were hit in it (the authors' figure)."""


class WTinyLfu(Policy):
    """Window, probation and protected: three LRU lists.

    Args:
        capacity: bytes.
        window_share: share of the bytes for the window, which holds at least its newest object.
    """

    def __init__(self, capacity: int, window_share: float = 0.01) -> None:
        super().__init__(capacity)
        self._window_limit = int(capacity * check_share("window_share", window_share))
        self._protected_limit = int((capacity - self._window_limit) * PROTECTED_SHARE)
        self._window: OrderedDict[int, int] = OrderedDict()
        self._probation: OrderedDict[int, int] = OrderedDict()
        self._protected: OrderedDict[int, int] = OrderedDict()
        self._window_used = 0
        self._protected_used = 0
        self._counts: dict[int, int] = {}
        self._counted = 0

    def access(self, key: int) -> bool:
        """Counts the request; a hit in probation is protected from then on."""
        self._counted += 1
        count = self._counts.get(key, 0)
        if count < HIGHEST_COUNT:
            self._counts[key] = count + 1
        if key in self._protected:
            self._protected.move_to_end(key)
            return True
        if key in self._probation:
            self._protect(key)
            return True
        if key in self._window:
            self._window.move_to_end(key)
            return True
        return False

    def insert(self, key: int, size: int) -> Sequence[int]:
        """Enters the window; objects pushed out of it compete with the main part's victims."""
        self._window[key] = size
        self._window_used += size
        self.used += size
        candidates: deque[int] = deque()
        while self._window_used > self._window_limit and len(self._window) > 1:
            candidate, moved = self._window.popitem(last=False)
            self._window_used -= moved
            self._probation[candidate] = moved
            candidates.append(candidate)
        evicted: list[int] = []
        while self.used > self.capacity:
            victim = self._next_victim(candidates)
            self.used -= self._remove(victim)
            evicted.append(victim)
        if evicted and self._counted >= SAMPLE * (len(self._window) + len(self._probation) + len(self._protected)):
            self._halve()
        return evicted

    def _next_victim(self, candidates: deque[int]) -> int:
        for segment in (self._probation, self._protected):
            if segment:
                incumbent = next(iter(segment))
                if not candidates:
                    return incumbent
                if incumbent == candidates[0]:
                    # It competes with the oldest object of the protected list, if there is one.
                    continue
                contender = candidates[0]
                if self._counts.get(contender, 0) > self._counts.get(incumbent, 0):
                    return incumbent
                return candidates.popleft()
        return candidates.popleft() if candidates else next(iter(self._window))

    def _remove(self, key: int) -> int:
        """Removes an object; returns its bytes."""
        if key in self._probation:
            return self._probation.pop(key)
        if key in self._protected:
            size = self._protected.pop(key)
            self._protected_used -= size
            return size
        size = self._window.pop(key)
        self._window_used -= size
        return size

    def _protect(self, key: int) -> None:
        size = self._probation.pop(key)
        self._protected[key] = size
        self._protected_used += size
        while self._protected_used > self._protected_limit:
            demoted, moved = self._protected.popitem(last=False)
            self._protected_used -= moved
            self._probation[demoted] = moved

    def _halve(self) -> None:
        self._counts = {key: count // 2 for key, count in self._counts.items() if count > 1}
        self._counted //= 2
