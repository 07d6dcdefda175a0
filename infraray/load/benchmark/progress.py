"""A bar at the terminal, drawn by the thread that measures.

A thread of its own would take turns with it for milliseconds at a time (the interpreter's lock), and so would a
library's bar. A line of text takes some 20 microseconds a quarter of a second, and none where the terminal is stopped.
"""

from __future__ import annotations

import select
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from infraray.load.exchange import Exchange
from infraray.load.generator import Ended

_INTERVAL_S = 0.25
_WIDTH = 30


@contextmanager
def load_bar(label: str, requests: int) -> Iterator[Ended]:
    """Shows on standard error how many requests of a load have ended, and failed; without a terminal only its name."""
    if not sys.stderr.isatty():
        print(f"{label}: {requests} requests", file=sys.stderr)
        yield lambda exchange: None
        return
    ended = failed = 0
    drawn_at = 0.0

    def draw() -> None:
        done = ended * _WIDTH // max(1, requests)
        failures = f", {failed} failed" if failed else ""
        bar = f"[{'=' * done}{' ' * (_WIDTH - done)}] {ended}/{requests}{failures}  {label}"
        # A line that is wrapped cannot be drawn over.
        sys.stderr.write(f"\r{bar[: shutil.get_terminal_size().columns - 1]}\x1b[K")
        sys.stderr.flush()

    def tell(exchange: Exchange) -> None:
        nonlocal ended, failed, drawn_at
        ended += 1
        failed += exchange.failure is not None or exchange.status != 200
        now = time.perf_counter()
        if now - drawn_at >= _INTERVAL_S and select.select([], [sys.stderr], [], 0)[1]:
            drawn_at = now
            draw()

    draw()
    try:
        yield tell
    finally:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
