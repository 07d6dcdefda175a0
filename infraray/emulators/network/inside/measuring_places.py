"""Lets only a few measurements run at a time on a computer, whose networks share an ARP cache of 1024 entries.

More would only make each other repeat rounds. A place is a lock on a file in the computer's /proc, so no file needs to
be created, and the kernel releases it when its holder is killed. Isolated commands cannot take it, as they have a
different /proc, whereas they might see this package's own files.
"""

from __future__ import annotations

import fcntl
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILES = [Path("/proc", name) for name in ("cmdline", "devices", "filesystems", "misc", "partitions", "version")]
"""One file per place, readable by everybody. A network of 4 x 4 hosts uses 80 entries, a large one some 500."""

WAIT_S = 5.0
"""Wait after which a measurement runs without a place, which is just as correct."""


class MeasuringPlaces:
    """One network's access to places. Open it while /proc is still the computer's."""

    def __init__(self) -> None:
        self._files = [os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in FILES if path.exists()]

    def close(self) -> None:
        """Closes the files."""
        for file in self._files:
            os.close(file)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """A context in which the caller has a place."""
        file = self._take()
        try:
            yield
        finally:
            if file is not None:
                fcntl.flock(file, fcntl.LOCK_UN)

    def _take(self) -> int | None:
        until = time.monotonic() + WAIT_S
        while time.monotonic() < until:
            for file in random.sample(self._files, len(self._files)):
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return file
                except BlockingIOError:
                    pass
                except OSError:
                    return None  # a file system without locks
            time.sleep(random.uniform(0.002, 0.01))
        return None
