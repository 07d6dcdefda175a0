"""Determines who caused an emulated system to become unmeasurable, so that our failures never count as an agent's.

An emulator's process may be killed, hang, or find the computer too busy. Then everything that the agent did is
repeated in a fresh system, and the episode continues there. It is the agent's doing if that repeatedly ends the same
way while an untouched system beside it can be measured. Because the episode continues, an agent gains nothing from
commands that only sometimes end a system: there is no second attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from typing import Generic, Protocol, TypeVar

from infraray.errors import InfrarayError, InvalidAction

RERUNS = 2
"""Fresh systems that must end too before it is the agent's doing: chance may kill one twice."""


class System(Protocol):
    """What is emulated."""

    def close(self) -> None:
        """Ends it."""


Emulated = TypeVar("Emulated", bound=System)
Seen = TypeVar("Seen")


def run_again(
    fresh: Callable[[], Emulated],
    replay: Callable[[Emulated], None],
    look: Callable[[Emulated], Seen],
    try_out: Callable[[Emulated], object],
) -> tuple[Emulated, Seen] | None:
    """A system in which everything was repeated, and its measurement; None if it cannot be measured.

    Args:
        fresh: makes an untouched one.
        replay: repeats everything that the agent did.
        look: measures.
        try_out: does in another fresh one what the others may do.

    Raises:
        InfrarayError: an untouched system cannot be measured either, so this computer is to blame.
    """
    for _ in range(RERUNS):
        rerun = _Rerun(fresh(), look)
        try:
            rerun.replay(replay)
            if rerun.seen is None:
                with closing(fresh()) as idle:
                    try_out(idle)
                rerun.look()  # at the same moment: the computer may have been too busy before
        except BaseException:
            rerun.system.close()
            raise
        if rerun.seen is not None:
            return rerun.system, rerun.seen
        rerun.system.close()
    return None


class _Rerun(Generic[Emulated, Seen]):
    """One fresh system and its measurement, if any.

    Args:
        system: an untouched one.
        measure: the measurement to make.
    """

    def __init__(self, system: Emulated, measure: Callable[[Emulated], Seen]) -> None:
        self.system = system
        self.measure = measure
        self.replayed = False
        self.seen: Seen | None = None

    def replay(self, replay: Callable[[Emulated], None]) -> None:
        """Repeats everything, and measures."""
        try:
            replay(self.system)
        except InvalidAction:
            raise
        except InfrarayError:
            return
        self.replayed = True
        self.look()

    def look(self) -> None:
        """Measures, if everything could be repeated."""
        if self.replayed:
            with suppress(InfrarayError):
                self.seen = self.measure(self.system)
