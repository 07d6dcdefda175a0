"""A supply of networks: the next one is built while an agent thinks about the current one."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

from infraray.emulators.network.namespace_network import NamespaceNetwork
from infraray.emulators.network.topology import Topology
from infraray.emulators.supply import Supply
from infraray.errors import InfrarayError
from infraray.isolation import Limits


class NetworkSupply(Supply[NamespaceNetwork]):
    """Networks of one shape, one of which is always ready or being built; see `Supply`.

    Args:
        topology: the default plan.
        limits: the limits of each command on them.
    """

    def __init__(self, topology: Topology, limits: Limits | None = None) -> None:
        super().__init__("networks", partial(NamespaceNetwork, topology, limits, configured=False))
        self.topology = topology
        self.limits = limits

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
        network = self._take_prepared()
        if network is not None:
            with suppress(InfrarayError):  # the network is lost if that fails
                network.configure(topology)
        if network is None or not network.alive:
            network = NamespaceNetwork(topology, self.limits)
        self._prepare()
        return network
