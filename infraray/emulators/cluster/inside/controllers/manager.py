"""The process of the controllers, as far as it is one: they share what they watch."""

from __future__ import annotations

from ..agent import Agent
from ..api_client import DEPLOYMENTS, ENDPOINT_SLICES, ENDPOINTS, PODS, REPLICA_SETS, SERVICES, Address, Kind
from .deployments import DeploymentController
from .endpoints import EndpointsController
from .replica_sets import ReplicaSetController

NAME = "controller-manager"


class ControllerManager(Agent):
    """All controllers.

    Args:
        address: the API server's.
    """

    def __init__(self, address: Address) -> None:
        super().__init__(NAME, address, (DEPLOYMENTS, REPLICA_SETS, PODS, SERVICES, ENDPOINTS, ENDPOINT_SLICES))
        self._controllers = (DeploymentController(self), ReplicaSetController(self), EndpointsController(self))

    def reconcile(self, changed: dict[Kind, set[str]]) -> None:
        """Lets each controller look at everything; a cluster here has some hundred objects."""
        for controller in self._controllers:
            controller.reconcile()
