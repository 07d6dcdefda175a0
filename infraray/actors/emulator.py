"""The emulator actor: a live network at a time, on a node that can have one, and the next one prepared.

For processes that cannot emulate networks themselves. An environment in a rollout worker on Linux uses an
`infraray.emulators.supply.NetworkSupply` in its own process: as safe, and an answer takes a tenth of the time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray
from ray.exceptions import GetTimeoutError, RayError, RayTaskError

from infraray.emulators.namespace import NamespaceNetwork
from infraray.emulators.network import CommandResult, Topology
from infraray.emulators.supply import NetworkSupply
from infraray.errors import InfrarayError
from infraray.isolation import Limits

ANSWER_S = 300.0
"""Beyond every deadline of the actor's own."""


class Emulator:
    """Owns the networks of one user; they end with the actor, however that ends.

    Args:
        topology: the shape of all.
        limits: of each command that is run on them.
    """

    def __init__(self, topology: Topology, limits: Limits | None = None) -> None:
        self.supply = NetworkSupply(topology, limits)
        self.network: NamespaceNetwork | None = None
        self.number = 0

    def take(self, topology: Topology) -> int:
        """Closes the network in use, and puts one of that plan in its place; returns its number."""
        if self.network is not None:
            self.network.close()
        self.network = self.supply.take(topology)
        self.number += 1
        return self.number

    def ask(self, number: int, method: str, *arguments: Any) -> Any:
        """What a method of network ``number`` returns.

        Raises:
            InfrarayError: that network is not in use any more, or the method raises it.
        """
        if self.network is None or number != self.number:
            raise InfrarayError(f"network {number} of this emulator is closed; take another one")
        return getattr(self.network, method)(*arguments)

    def release(self, number: int) -> None:
        """Closes network ``number`` if it is in use."""
        if self.network is not None and number == self.number:
            self.network.close()
            self.network = None


class RemoteNetwork:
    """A network of an emulator actor; see `infraray.emulators.network.Network`.

    Taking one closes the one that was taken from the same actor before.

    Args:
        emulator: the actor, from `start_emulator`.
        topology: its plan, of the shape that the actor was started with.

    Raises:
        InfrarayError: the actor's node cannot emulate networks, or the actor is lost.
    """

    def __init__(self, emulator: Any, topology: Topology) -> None:
        self.topology = topology
        self._emulator = emulator
        self._number: int = _get(emulator.take.remote(topology))

    def pingmesh(self) -> NDArray[np.bool_]:
        """Which ordered pairs reach each other."""
        reached: NDArray[np.bool_] = self._ask("pingmesh")
        return reached

    def flowmesh(self) -> NDArray[np.bool_]:
        """Which ordered pairs carry everything."""
        carried: NDArray[np.bool_] = self._ask("flowmesh")
        return carried

    def run(self, machine: str, command: str) -> CommandResult:
        """Runs what an agent wrote on a machine, isolated and bounded."""
        result: CommandResult = self._ask("run", machine, command)
        return result

    def apply(self, machine: str, commands: Sequence[str]) -> None:
        """Runs our own commands on a machine."""
        self._ask("apply", machine, commands)

    def snapshot(self) -> Mapping[str, Mapping[str, Any]]:
        """Each machine's configuration."""
        configuration: Mapping[str, Mapping[str, Any]] = self._ask("snapshot")
        return configuration

    def close(self) -> None:
        """Ends the network, if the actor still lives."""
        with suppress(InfrarayError):
            _get(self._emulator.release.remote(self._number))

    def _ask(self, method: str, *arguments: Any) -> Any:
        return _get(self._emulator.ask.remote(self._number, method, *arguments))


def start_emulator(topology: Topology, limits: Limits | None = None, num_cpus: float = 1.0) -> Any:
    """Makes an emulator's actor on any node that has room; returns its handle, for `RemoteNetwork`.

    One user takes networks from it. Its networks end with it: when the last handle is dropped, when the process
    that called this ends, or by `ray.kill`.

    Args:
        topology: the shape of its networks.
        limits: of each command that is run on them.
        num_cpus: what it takes of its node.
    """
    return ray.remote(num_cpus=num_cpus, max_restarts=0, scheduling_strategy="SPREAD")(Emulator).remote(
        topology, limits
    )


def _get(answer: Any) -> Any:
    try:
        return ray.get(answer, timeout=ANSWER_S)
    except RayTaskError as error:
        if isinstance(error.cause, InfrarayError):
            raise error.cause from None
        raise
    except GetTimeoutError:
        raise InfrarayError(f"the emulator's actor gave no answer in {ANSWER_S:g} s; start another one") from None
    except RayError as error:
        raise InfrarayError(
            f"the emulator's actor is lost: {' '.join(str(error).split())}; start another one"
        ) from None
