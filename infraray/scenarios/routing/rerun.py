"""Determines who caused a network to become unmeasurable, so that our failures never count as an agent's.

An emulator's process may be killed, hang, or find the computer too busy. Then everything that the agent did is
repeated in a fresh network, and the episode continues there. It is the agent's doing if that repeatedly ends the same
way while an untouched network beside it can be measured. Because the episode continues, an agent gains nothing from
commands that only sometimes end a network: there is no second attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from typing import Generic, TypeVar

from infraray.emulators.network.interface import Network
from infraray.errors import InfrarayError, InvalidAction

RERUNS = 2
"""Fresh networks that must end too before it is the agent's doing: chance may kill one twice."""

Seen = TypeVar("Seen")


def run_again(
    fresh: Callable[[], Network],
    replay: Callable[[Network], None],
    look: Callable[[Network], Seen],
    try_out: Callable[[Network], object],
) -> tuple[Network, Seen] | None:
    """A network in which everything was repeated, and its measurement; None if it cannot be measured.

    Args:
        fresh: makes an untouched network.
        replay: repeats everything that the agent did.
        look: measures.
        try_out: does in another fresh network what the others may do.

    Raises:
        InfrarayError: an untouched network cannot be measured either, so this computer is to blame.
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
            rerun.network.close()
            raise
        if rerun.seen is not None:
            return rerun.network, rerun.seen
        rerun.network.close()
    return None


class _Rerun(Generic[Seen]):
    """One fresh network and its measurement, if any.

    Args:
        network: an untouched network.
        measure: the measurement to make.
    """

    def __init__(self, network: Network, measure: Callable[[Network], Seen]) -> None:
        self.network = network
        self.measure = measure
        self.replayed = False
        self.seen: Seen | None = None

    def replay(self, replay: Callable[[Network], None]) -> None:
        """Repeats everything, and measures."""
        try:
            replay(self.network)
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
                self.seen = self.measure(self.network)
