"""A limit on the rate of requests, as providers have it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable


class Limiter:
    """Takes so many requests in each window of time, and so many at once.

    ``retry_after`` makes the header of a refusal, None for none.
    """

    def __init__(
        self,
        a_window: float = math.inf,
        window_s: float = 1.0,
        at_once: float = math.inf,
        retry_after: Callable[[], str] | None = None,
    ) -> None:
        self.a_window, self.window_s, self.at_once, self.retry_after = a_window, window_s, at_once, retry_after
        self.began = -math.inf
        self.taken = self.under_way = self.refused = self.most = 0

    def takes(self) -> bool:
        now = time.monotonic()
        if now - self.began >= self.window_s:
            self.began, self.taken = now, 0
        if self.taken >= self.a_window or self.under_way >= self.at_once:
            self.refused += 1
            return False
        self.taken += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        return True
