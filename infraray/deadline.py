"""A time limit on code that does not have to cooperate."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType


class TimeLimit(Exception):
    """Raised when the limit has passed."""


@asynccontextmanager
async def limited(seconds: float, in_event_loop: bool) -> AsyncIterator[None]:
    """Raises `TimeLimit` in the code inside after ``seconds``.

    Args:
        seconds: the limit.
        in_event_loop: whether the code inside waits in an event loop, where each of many coroutines
            has its own limit; otherwise see `time_limit`.
    """
    if not in_event_loop:
        with time_limit(seconds):
            yield
        return
    try:
        async with asyncio.timeout(seconds) as timeout:
            yield
    except TimeoutError:
        if not timeout.expired():
            raise
        raise TimeLimit(f"over the limit of {seconds:g} s") from None


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises `TimeLimit` in the code inside after ``seconds``, even in the middle of a sleep or a system call.

    Uses a timer signal, so it works only in the main thread; elsewhere, and in native code that
    never returns to Python, whoever started the process has to end it. Limits may be nested: the
    outer one holds inside the inner one, and is raised again when the inner one ends.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    began = time.monotonic()
    outer_s, _ = signal.getitimer(signal.ITIMER_REAL)
    outer = signal.getsignal(signal.SIGALRM)
    outer_is_first = 0 < outer_s < seconds and callable(outer)

    def expire(signal_number: int, frame: FrameType | None) -> None:
        raise TimeLimit(f"over the limit of {seconds:g} s")

    signal.signal(signal.SIGALRM, outer if outer_is_first else expire)
    # Once more every second: an agent may swallow the first one in its own `except Exception`.
    signal.setitimer(signal.ITIMER_REAL, outer_s if outer_is_first else seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, outer)
        if outer_s:
            # Late enough to arrive after this context has been left.
            signal.setitimer(signal.ITIMER_REAL, max(outer_s - (time.monotonic() - began), 0.01), 1.0)
