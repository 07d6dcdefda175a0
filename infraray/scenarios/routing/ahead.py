"""The next task, made while the present one is played."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextlib import suppress

from infraray.emulators.supply import NetworkSupply
from infraray.errors import InfrarayError
from infraray.scenarios.routing.parameters import RoutingParameters
from infraray.scenarios.routing.tasks import make_task
from infraray.scenarios.routing.workbench import BrokenNetwork


class TaskAhead:
    """A task that is being made in a thread of its own.

    Args:
        supply: of the network.
        parameters: the scenario's.
        level: the difficulty.
        seed: the task's.
    """

    def __init__(self, supply: NetworkSupply, parameters: RoutingParameters, level: int, seed: int) -> None:
        self.seed = seed
        self._made: Future[BrokenNetwork] = Future()
        # Not an executor's thread, which the interpreter would wait for at its end.
        threading.Thread(target=_make, args=(self._made, supply, parameters, level, seed), daemon=True).start()

    def take(self) -> BrokenNetwork | None:
        """The task, once it is made; None where it could not be, which may have passed."""
        with suppress(InfrarayError):
            return self._made.result()
        return None

    def close(self) -> None:
        """Ends the network as soon as it is there."""
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
