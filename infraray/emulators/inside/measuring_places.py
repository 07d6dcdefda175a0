"""Lets a few measurements run at a time on a computer: all its networks share an ARP cache of 1024 entries.

More would only make each other repeat their rounds. A place is a lock on a file of the computer's /proc: no file
needs to be made, and the kernel gives it back when its holder is killed. Nothing that runs isolated can take it:
there, /proc is another one, while this package's own files may be in sight.
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
"""One for each place; everybody may read them. A network of 4 x 4 hosts uses 80 entries, a large one some 500."""

WAIT_S = 5.0
"""Then a measurement runs without a place, and is as right."""


class MeasuringPlaces:
    """One network's way to a place. Open it where /proc is still the computer's."""

    def __init__(self) -> None:
        self._files = [os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in FILES if path.exists()]

    def close(self) -> None:
        """Gives the files back."""
        for file in self._files:
            os.close(file)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Inside, the caller has a place."""
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
