"""Empties namespaces that are deleted. Infraray's API server does that itself; Kubernetes leaves it to a controller."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from ..agent import Agent
from ..api_client import NAMESPACES, Address, ApiError, Kind, Object

NAME = "namespace-controller"


class NamespaceController(Agent):
    """The controller.

    Args:
        address: the API server's.
    """

    def __init__(self, address: Address) -> None:
        super().__init__(NAME, address, (NAMESPACES,))

    def reconcile(self, changed: dict[Kind, set[str]]) -> None:
        """Deletes all that is in a namespace which is on its way out, and lets that go when nothing is left."""
        waiting = ""
        for found in [*self.all(NAMESPACES)]:
            if found["metadata"].get("deletionTimestamp") and found["spec"].get("finalizers"):
                waiting = waiting or self._empty(found)
        if waiting:
            raise ApiError(409, f"{waiting} is not gone yet")  # so that all is looked at again

    def _empty(self, namespace: Object) -> str:
        """Deletes what is left; returns one thing that still is, or lets the namespace go."""
        name = namespace["metadata"]["name"]
        left = ""
        for kind in self._kinds:
            if self.client.list(kind, name)["items"]:
                self.client.request("DELETE", kind.url(name))
                left = f"{kind.resource} of {name}"
        if not left:
            done = {**namespace, "apiVersion": "v1", "kind": "Namespace", "spec": {"finalizers": []}}
            self.client.request("PUT", NAMESPACES.url("", name, "finalize"), done)
        return left

    @cached_property
    def _kinds(self) -> tuple[Kind, ...]:
        """The kinds that are in namespaces, as the server tells."""
        return tuple(self._discover())

    def _discover(self) -> Iterator[Kind]:
        paths = ["/api/v1"]
        for group in self.client.request("GET", "/apis")["groups"]:
            paths.append(f"/apis/{group['preferredVersion']['groupVersion']}")
        for path in paths:
            for one in self.client.request("GET", path)["resources"]:
                if one["namespaced"] and "deletecollection" in one["verbs"] and "list" in one["verbs"]:
                    yield Kind(one["kind"], path, one["name"])
