"""A supply of networks: the next one is built while an agent thinks about the current one.

Environments use it, including those in a rollout worker on Ray: each worker has its own networks on its own node,
reaches them over a socket in some 0.1 ms, and they end with it.
"""

from __future__ import annotations

import threading
import weakref
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field

from infraray.emulators.namespace import NamespaceNetwork
from infraray.emulators.network import Topology
from infraray.errors import InfrarayError
from infraray.isolation import Limits


class NetworkSupply:
    """Networks of one shape, one of which is always ready or being built. Thread-safe.

    Nothing is built before the first network is taken. A supply closes itself when it is garbage-collected.

    Args:
        topology: the default plan.
        limits: the limits of each command on them.
    """

    def __init__(self, topology: Topology, limits: Limits | None = None) -> None:
        self.topology = topology
        self.limits = limits
        self._next = _Next()
        self._close = weakref.finalize(self, _Next.close, self._next)

    def take(self, topology: Topology | None = None) -> NamespaceNetwork:
        """Takes a network for exclusive use and begins to build the next one; close it when done.

        Args:
            topology: its plan, of the same shape as the supply's.

        Raises:
            InfrarayError: this machine cannot emulate networks, the supply is closed, or the shape differs.
        """
        topology = topology or self.topology
        if topology.shape != self.topology.shape:
            raise InfrarayError(f"{topology}: has another shape than the supply's {self.topology}")
        with self._next.lock:
            if self._next.closed:
                raise InfrarayError("the supply of networks is closed; make another one")
            prepared = self._next.network
            self._next.network = None
        network = None
        if prepared is not None:
            with suppress(InfrarayError):  # its obstacle may have passed
                network = prepared.result()
                network.configure(topology)  # the network is lost if that fails
        if network is None or not network.alive:
            network = NamespaceNetwork(topology, self.limits)
        self._prepare()
        return network

    def close(self) -> None:
        """Closes the prepared network, if it was not taken. May be called twice."""
        self._close()

    def _prepare(self) -> None:
        """Builds the next network in a thread, unless another caller has already begun one."""
        with self._next.lock:
            if self._next.closed or self._next.network is not None:
                return
            future: Future[NamespaceNetwork] = Future()
            self._next.network = future
        # Not an executor's thread, which the interpreter would wait for at exit.
        threading.Thread(target=_build, args=(self.topology, self.limits, future), daemon=True).start()


@dataclass
class _Next:
    """The prepared network, held separately from the supply, whose finalizer closes it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    network: Future[NamespaceNetwork] | None = None
    closed: bool = False

    def close(self) -> None:
        with self.lock:
            self.closed = True
            prepared, self.network = self.network, None
        if prepared is not None:
            prepared.add_done_callback(_close)


def _build(topology: Topology, limits: Limits | None, future: Future[NamespaceNetwork]) -> None:
    try:
        future.set_result(NamespaceNetwork(topology, limits, configured=False))
    except BaseException as error:
        future.set_exception(error)


def _close(future: Future[NamespaceNetwork]) -> None:
    if future.exception() is None:
        future.result().close()
