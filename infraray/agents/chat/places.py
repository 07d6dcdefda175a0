"""How many requests a server is asked at once: as many as it takes.

A request needs a place. Places double with each round of answers until the server first refuses one for being too
many (status 429), then grow by one a round, and halve with each round in which it refuses: additive increase,
multiplicative decrease (Chiu and Jain, 1989). Where it refused the last time they grow ten times as slowly, so that
few requests are spent on asking whether it takes more by now. After a refusal nobody asks until the time that the
server named.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

MOST_PLACES = 256
FIRST_PLACES = 32
"""Enough to keep a small engine busy, and no burst to a large one."""


@dataclass(frozen=True)
class Share:
    """A process's part of what a run may ask at once.

    Args:
        index: the process's, from 0.
        processes: how many ask.
    """

    index: int = 0
    processes: int = 1

    def of_all(self, most: int) -> int:
        """How many of ``most`` are this process's; those of all processes add up to it."""
        return most // self.processes + (self.index < most % self.processes)


class Places:
    """A server's places in one event loop, given in the order in which they were asked for.

    Args:
        most: how many there may ever be.
    """

    def __init__(self, most: int = MOST_PLACES) -> None:
        self.most = most
        self.number = float(min(FIRST_PLACES, most))
        self.taken = 0
        self.refusals = 0
        """How often in a row places were lowered with no answer in between."""
        self.answered_at = float("-inf")
        """When the server last took a request, on the event loop's clock."""
        self._full = float("inf")
        """How many were too many the last time."""
        self._lowered_at = float("-inf")
        self._opens_at = float("-inf")
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._opening: asyncio.TimerHandle | None = None

    def allow(self, most: int) -> None:
        """Has at most so many places from now on; the least that anybody asked for counts."""
        self.most = min(self.most, most)
        self.number = min(self.number, float(self.most))

    @asynccontextmanager
    async def one(self) -> AsyncIterator[float]:
        """Waits for a place and holds it; gives the time since when on the event loop's clock."""
        await self._enter()
        try:
            yield asyncio.get_running_loop().time()
        finally:
            self.taken -= 1
            self._admit()

    def answered(self) -> None:
        """The server took a request."""
        self.answered_at = asyncio.get_running_loop().time()
        self.refusals = 0
        if self._waiting or self.taken >= self.number / 2:  # else nothing shows that it takes more
            self.number = min(float(self.most), self.number + self._growth())

    def refused(self, asked_at: float, pause_s: float = 0.0) -> None:
        """The server has too many requests.

        Args:
            asked_at: when the refused one was sent; those that were under way together lower the places once.
            pause_s: how long nobody is to ask.
        """
        now = asyncio.get_running_loop().time()
        self._opens_at = max(self._opens_at, now + pause_s)
        if asked_at >= self._lowered_at:
            self._full = min(self.number, float(self.taken))
            self.number = max(1.0, self._full / 2)
            self.refusals += 1
            self._lowered_at = now

    def _growth(self) -> float:
        """What an answer adds: in a round of answers 1 a place, 1 in all, or a tenth."""
        if self._full == float("inf"):
            return 1.0
        return (1.0 if self.number < self._full - 1 else 0.1) / self.number

    async def _enter(self) -> None:
        loop = asyncio.get_running_loop()
        if not self._waiting and self._has_room() and self._opens_at <= loop.time():
            self.taken += 1
            return
        place: asyncio.Future[None] = loop.create_future()
        self._waiting.append(place)
        self._admit()
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():  # it was given in the same moment
                self.taken -= 1
                self._admit()
            raise

    def _admit(self) -> None:
        loop = asyncio.get_running_loop()
        if self._waiting and self._opens_at > loop.time():
            if self._opening is None:
                self._opening = loop.call_at(self._opens_at, self._open)
            return
        while self._waiting and self._has_room():
            place = self._waiting.popleft()
            if not place.done():
                self.taken += 1
                place.set_result(None)

    def _open(self) -> None:
        self._opening = None
        self._admit()

    def _has_room(self) -> bool:
        return self.taken < int(self.number)
