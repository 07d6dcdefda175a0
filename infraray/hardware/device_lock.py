"""A lock that allows one measurement at a time on the same devices, across processes."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from infraray.errors import InfrarayError
from infraray.hardware.machine import device_names

_FOLDER = Path("/tmp")
"""The same for every user, regardless of where their temporary files are."""


class DeviceLock:
    """Keeps everybody else, in this process and others, from measuring on the devices that this process sees."""

    def __init__(self) -> None:
        self._depth = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Waits until nobody else holds any of the devices, then holds them; reentrant.

        Raises:
            InfrarayError: a lock file cannot be opened.
        """
        with ExitStack() as taken:
            if self._depth == 0:
                # Everybody takes them in the same order, which rules out deadlocks.
                for name in device_names():
                    # A lock belongs to the open file description, not to the process, so threads exclude each other
                    # too.
                    descriptor = _open(_FOLDER / f"infraray-bench-{name}.lock")
                    taken.callback(os.close, descriptor)
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
                    # Systems delete old files in /tmp.
                    os.utime(descriptor)
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1


def _open(path: Path) -> int:
    """Opens a file that every user may write, creating it if it does not exist."""
    try:
        try:
            # Opened before created: in a folder like /tmp, Linux refuses O_CREAT on a file that another user owns.
            return os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        except FileNotFoundError:
            pass
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            return os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        # The umask may have removed permissions.
        os.fchmod(descriptor, 0o666)
        return descriptor
    except OSError as error:
        raise InfrarayError(f"{path}: cannot be opened ({error.strerror}); delete it while nobody measures") from None
