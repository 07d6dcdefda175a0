"""One measurement at a time on the same devices, whichever thread or process makes it."""

from __future__ import annotations

import fcntl
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

_threads = threading.RLock()
_held = False


@contextmanager
def devices() -> Iterator[None]:
    """Waits until nobody else measures on the devices that this process sees, and keeps them; may be nested."""
    global _held
    with _threads, ExitStack() as locks:
        if _held:
            yield
            return
        for name in _visible():
            path = Path(tempfile.gettempdir()) / f"infraray-bench-{os.getuid()}-{name}.lock"
            fcntl.flock(locks.enter_context(path.open("w")), fcntl.LOCK_EX)
        _held = True
        try:
            yield
        finally:
            _held = False


def _visible() -> list[str]:
    """A name for each GPU that this process sees, in the order in which everybody takes them; the cores without any."""
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    found = [path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*")]
    names = found if listed is None else [name.strip() for name in listed.split(",") if name.strip()]
    return [f"gpu-{name}" for name in sorted(names)] or ["cores"]
