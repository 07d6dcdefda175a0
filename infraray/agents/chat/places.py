"""Places at a server: as many requests are in flight there as it takes.

A request needs a place. Places double with each round of answers until the server first refuses one as too many
(status 429), then grow by one per round, and halve with each round in which it refuses: additive increase,
multiplicative decrease (Chiu and Jain, 1989). Near the number it last refused they grow ten times as slowly, so that
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
"""Enough to keep a small engine busy, without a burst at a remote one."""


@dataclass(frozen=True)
class Share:
    """A process's part of the requests that a run may have in flight.

    Args:
        index: the process's, from 0.
        processes: how many share them.
    """

    index: int = 0
    processes: int = 1

    def of_all(self, most: int) -> int:
        """This process's part of ``most``; the parts of all processes add up to it."""
        return most // self.processes + (self.index < most % self.processes)


class Places:
    """A server's places in one event loop, granted in the order of the requests.

    Args:
        most: how many there may ever be.
    """

    def __init__(self, most: int = MOST_PLACES) -> None:
        self.most = most
        self.number = float(min(FIRST_PLACES, most))
        self.taken = 0
        self.refusals = 0
        """How often in a row the places were cut with no answer in between."""
        self.answered_at = float("-inf")
        """When the server last accepted a request, on the event loop's clock."""
        self._full = float("inf")
        """The number that was last too many."""
        self._lowered_at = float("-inf")
        self._opens_at = float("-inf")
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._opening: asyncio.TimerHandle | None = None

    def allow(self, most: int) -> None:
        """Limits the places from now on; the lowest limit that anybody asked for counts."""
        self.most = min(self.most, most)
        self.number = min(self.number, float(self.most))

    @asynccontextmanager
    async def one(self) -> AsyncIterator[float]:
        """Waits for a place and holds it; yields the time at which it was granted, on the event loop's clock."""
        await self._enter()
        try:
            yield asyncio.get_running_loop().time()
        finally:
            self.taken -= 1
            self._admit()

    def answered(self) -> None:
        """Notes that the server accepted a request."""
        self.answered_at = asyncio.get_running_loop().time()
        self.refusals = 0
        if self._waiting or self.taken >= self.number / 2:  # otherwise nothing shows that it takes more
            self.number = min(float(self.most), self.number + self._growth())

    def refused(self, asked_at: float, pause_s: float = 0.0) -> None:
        """Notes that the server has too many requests.

        Args:
            asked_at: when the refused one was sent; those in flight together cut the places once.
            pause_s: how long nobody may ask.
        """
        now = asyncio.get_running_loop().time()
        self._opens_at = max(self._opens_at, now + pause_s)
        if asked_at >= self._lowered_at:
            self._full = min(self.number, float(self.taken))
            self.number = max(1.0, self._full / 2)
            self.refusals += 1
            self._lowered_at = now

    def _growth(self) -> float:
        """What an answer adds: over a round of answers, 1 per place, 1 in all, or a tenth."""
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
            if place.done() and not place.cancelled():  # it was granted at the same moment
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
