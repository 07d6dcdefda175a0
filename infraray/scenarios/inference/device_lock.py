"""One measurement at a time on the same devices, whoever makes it."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path


class DeviceLock:
    """Keeps all others, in this process and in others, from measuring on the devices that this process sees."""

    def __init__(self) -> None:
        self._depth = 0
        self._locks = ExitStack()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Waits until nobody else has any of the devices, and keeps them; who has them may ask again."""
        if self._depth == 0:
            for name in _visible():
                # A lock belongs to what was opened here, not to the process: threads exclude each other too.
                path = Path(tempfile.gettempdir()) / f"infraray-bench-{os.getuid()}-{name}.lock"
                fcntl.flock(self._locks.enter_context(path.open("w")), fcntl.LOCK_EX)
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if self._depth == 0:
                self._locks.close()


def _visible() -> list[str]:
    """A name for each GPU that this process sees, in the order in which everybody takes them; the cores without any."""
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    found = [path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*")]
    names = found if listed is None else [name.strip() for name in listed.split(",") if name.strip()]
    return [f"gpu-{name}" for name in sorted(names)] or ["cores"]
