"""Whose doing it is that a network cannot be measured any more: what is ours is never an agent's result.

An emulator's process may be killed, hang, or find the computer too busy. Then everything that the agent did is done
again in a fresh network, and the episode goes on there. It is the agent's doing where that comes to the same end
again and again, while a network that nobody did anything to can be measured beside it. Going on is also what leaves
an agent nothing to gain from what ends a network only now and then: there is no other try.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from typing import Generic, TypeVar

from infraray.emulators.network import Network
from infraray.errors import InfrarayError, InvalidAction

RERUNS = 2
"""Fresh networks that end as well before it is the agent's doing: one may be killed by chance twice."""

Seen = TypeVar("Seen")


def run_again(
    fresh: Callable[[], Network],
    replay: Callable[[Network], None],
    look: Callable[[Network], Seen],
    try_out: Callable[[Network], object],
) -> tuple[Network, Seen] | None:
    """A network in which everything was done again, and what was seen there; None where that cannot be seen.

    Args:
        fresh: makes the network in which nothing was done yet.
        replay: does everything again that the agent did.
        look: measures.
        try_out: does in another fresh network whatever the others may do.

    Raises:
        InfrarayError: a network in which nothing was done cannot be measured either: this computer is to blame.
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
    """One fresh network, and what was seen there, if anything.

    Args:
        network: in which nothing was done yet.
        measure: what is to be seen.
    """

    def __init__(self, network: Network, measure: Callable[[Network], Seen]) -> None:
        self.network = network
        self.measure = measure
        self.replayed = False
        self.seen: Seen | None = None

    def replay(self, replay: Callable[[Network], None]) -> None:
        """Does everything again, and looks."""
        try:
            replay(self.network)
        except InvalidAction:
            raise
        except InfrarayError:
            return
        self.replayed = True
        self.look()

    def look(self) -> None:
        """Sees what there is, if everything was done."""
        if self.replayed:
            with suppress(InfrarayError):
                self.seen = self.measure(self.network)
