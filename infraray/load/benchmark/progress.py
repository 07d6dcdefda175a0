"""A progress bar in the terminal, drawn by the measuring thread.

A separate thread, such as a library's bar uses, would hold the interpreter's lock for milliseconds at a time. Drawing
a line takes some 20 microseconds every quarter of a second, and nothing while the terminal is stopped.
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
    """Shows on standard error how many requests have ended and failed; without a terminal, only the load's name."""
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
        # A wrapped line cannot be overwritten.
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
