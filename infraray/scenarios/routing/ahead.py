"""Makes the next task while the current one is being played."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextlib import suppress

from infraray.emulators.network.supply import NetworkSupply
from infraray.errors import InfrarayError
from infraray.scenarios.routing.parameters import RoutingParameters
from infraray.scenarios.routing.tasks import make_task
from infraray.scenarios.routing.workbench import BrokenNetwork


class TaskAhead:
    """A task being made in its own thread.

    Args:
        supply: the supply of networks.
        parameters: the scenario's.
        level: the difficulty.
        seed: the task's seed.
    """

    def __init__(self, supply: NetworkSupply, parameters: RoutingParameters, level: int, seed: int) -> None:
        self.seed = seed
        self._made: Future[BrokenNetwork] = Future()
        # Not an executor's thread, which the interpreter would wait for at exit.
        threading.Thread(target=_make, args=(self._made, supply, parameters, level, seed), daemon=True).start()

    def take(self) -> BrokenNetwork | None:
        """Waits for the task; None if it could not be made, for a reason that may have passed."""
        with suppress(InfrarayError):
            return self._made.result()
        return None

    def close(self) -> None:
        """Ends the network as soon as it exists."""
        self._made.add_done_callback(_close)


def _make(
    made: Future[BrokenNetwork], supply: NetworkSupply, parameters: RoutingParameters, level: int, seed: int
) -> None:
    try:
        made.set_result(make_task(supply, parameters, level, seed))
    except BaseException as error:
        made.set_exception(error)


def _close(made: Future[BrokenNetwork]) -> None:
    if made.exception() is None:
        made.result().network.close()
