"""One measurement at a time on the same devices, whoever makes it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from infraray.errors import InfrarayError
from infraray.hardware.machine import device_names

_FOLDER = Path("/tmp")
"""The same for every user, wherever their temporary files are."""


class DeviceLock:
    """Keeps all others, in this process and in others, from measuring on the devices that this process sees."""

    def __init__(self) -> None:
        self._depth = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Waits until nobody else has any of the devices, and keeps them; who has them may ask again.

        Raises:
            InfrarayError: a lock's file cannot be opened.
        """
        with ExitStack() as taken:
            if self._depth == 0:
                # Everybody takes them in one order, so that no two wait for each other.
                for name in device_names():
                    # A lock belongs to what was opened here, not to the process: threads exclude each other too.
                    descriptor = _open(_FOLDER / f"infraray-bench-{name}.lock")
                    taken.callback(os.close, descriptor)
                    fcntl.flock(descriptor, fcntl.LOCK_EX)
                    # Systems delete what is old in /tmp.
                    os.utime(descriptor)
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1


def _open(path: Path) -> int:
    """Opens a file that every user may write, and makes it where there is none."""
    try:
        try:
            # Not made at once: in a folder like /tmp, Linux lets nobody "create" the file that another user has.
            return os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        except FileNotFoundError:
            pass
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        except FileExistsError:
            return os.open(path, os.O_RDWR | os.O_NOFOLLOW)
        # The file mode mask may have taken something away.
        os.fchmod(descriptor, 0o666)
        return descriptor
    except OSError as error:
        raise InfrarayError(f"{path}: cannot be opened ({error.strerror}); delete it while nobody measures") from None
