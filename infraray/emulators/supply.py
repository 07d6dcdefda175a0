"""A supply of emulators: the next one is built while an agent thinks about the current one.

Environments use it, including those in a rollout worker on Ray: each worker has its own emulators on its own node,
reaches them over a socket in some 0.1 ms, and they end with it.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from infraray.emulators.emulator import Emulator
from infraray.errors import InfrarayError

AnEmulator = TypeVar("AnEmulator", bound=Emulator)
ASupply = TypeVar("ASupply", bound="Supply[Any]")


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


class _Shared:
    """The supplies that this process shares, by what they supply."""

    def __init__(self, parents: _Shared | None = None) -> None:
        self.parents = parents
        self.lock = threading.Lock()
        self.supplies: weakref.WeakValueDictionary[Hashable, Supply[Any]] = weakref.WeakValueDictionary()
        self.kept: dict[Hashable, Supply[Any]] = {}
        self.keeping = 0


_shared = _Shared()


def _share_anew() -> None:
    """In a fork of this process: what is prepared belongs to the parent, and would end if it were let go here."""
    global _shared
    _shared = _Shared(_shared)


os.register_at_fork(after_in_child=_share_anew)


def share(what: Hashable, make: Callable[[], ASupply]) -> ASupply:
    """One supply for all who ask for the same, so that what one of them leaves prepared is the next one's.

    It closes itself when the last of them lets go of it.

    Args:
        what: the kind of supply and what it depends on.
        make: makes it.
    """
    with _shared.lock:
        supply = cast(ASupply | None, _shared.supplies.get(what))
        if supply is None:
            supply = _shared.supplies[what] = make()
        if _shared.keeping:
            _shared.kept[what] = supply
        return supply


@contextmanager
def kept_supplies() -> Iterator[None]:
    """Within the block, a shared supply stays open between one who uses it and the next."""
    shared = _shared
    with shared.lock:
        shared.keeping += 1
    try:
        yield
    finally:
        with shared.lock:
            shared.keeping -= 1
            let_go = {} if shared.keeping else shared.kept
            if not shared.keeping:
                shared.kept = {}
        let_go.clear()


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
