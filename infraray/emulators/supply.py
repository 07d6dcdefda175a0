"""A supply of emulators: the next one is built while an agent thinks about the current one.

Environments use it, including those in a rollout worker on Ray: each worker has its own emulators on its own node,
reaches them over a socket in some 0.1 ms, and they end with it.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from infraray.emulators.emulator import Emulator
from infraray.errors import InfrarayError

AnEmulator = TypeVar("AnEmulator", bound=Emulator)


class Supply(Generic[AnEmulator]):
    """Emulators, one of which is always ready or being built. Thread-safe.

    Nothing is built before the first one is taken. A supply closes itself when it is garbage-collected.

    Args:
        what: the word for them, such as ``networks``.
        build: makes one, in any thread; it must not refer to the supply.
    """

    def __init__(self, what: str, build: Callable[[], AnEmulator]) -> None:
        self._what = what
        self._build = build
        self._next: _Next[AnEmulator] = _Next()
        self._close = weakref.finalize(self, _Next.close, self._next)

    def close(self) -> None:
        """Closes the prepared one, if it was not taken. May be called twice."""
        self._close()

    def _take_prepared(self) -> AnEmulator | None:
        """The prepared one, if there is one.

        Raises:
            InfrarayError: the supply is closed.
        """
        with self._next.lock:
            if self._next.closed:
                raise InfrarayError(f"the supply of {self._what} is closed; make another one")
            prepared = self._next.emulator
            self._next.emulator = None
        if prepared is not None:
            with suppress(InfrarayError):  # its obstacle may have passed
                return prepared.result()
        return None

    def _prepare(self) -> None:
        """Builds the next one in a thread, unless another caller has already begun one."""
        with self._next.lock:
            if self._next.closed or self._next.emulator is not None:
                return
            future: Future[AnEmulator] = Future()
            self._next.emulator = future
        # Not an executor's thread, which the interpreter would wait for at exit.
        threading.Thread(target=_fulfil, args=(self._build, future), daemon=True).start()


@dataclass
class _Next(Generic[AnEmulator]):
    """The prepared emulator, held separately from the supply, whose finalizer closes it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    emulator: Future[AnEmulator] | None = None
    closed: bool = False

    def close(self) -> None:
        with self.lock:
            self.closed = True
            prepared, self.emulator = self.emulator, None
        if prepared is not None:
            prepared.add_done_callback(_close)


def _fulfil(build: Callable[[], AnEmulator], future: Future[AnEmulator]) -> None:
    try:
        future.set_result(build())
    except BaseException as error:
        future.set_exception(error)


def _close(future: Future[AnEmulator]) -> None:
    if future.exception() is None:
        future.result().close()
