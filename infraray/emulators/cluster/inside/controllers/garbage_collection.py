"""Removes what has no owner left. Infraray's API server does that itself; Kubernetes leaves it to a controller.

By default an owner goes at once and its dependents follow; one that is deleted in the foreground waits for them, and
one that orphans them leaves them without an owner.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..agent import Agent
from ..api_client import (
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    ENDPOINTS,
    KINDS,
    PODS,
    REPLICA_SETS,
    SERVICES,
    Address,
    Kind,
    Object,
)

NAME = "garbage-collector"
FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"


class GarbageCollector(Agent):
    """The collector of the kinds that own or are owned here.

    Args:
        address: the API server's.
    """

    def __init__(self, address: Address) -> None:
        super().__init__(NAME, address, (DEPLOYMENTS, REPLICA_SETS, PODS, SERVICES, ENDPOINTS, ENDPOINT_SLICES))

    def reconcile(self, changed: dict[Kind, set[str]]) -> None:
        """Looks at everything."""
        living = {found["metadata"]["uid"] for kind in self.kinds for found in self.all(kind)}
        for kind in self.kinds:
            for found in [*self.all(kind)]:
                metadata = found["metadata"]
                if metadata.get("deletionTimestamp"):
                    self._finalize(kind, found)
                    continue
                owners = metadata.get("ownerReferences") or ()
                if owners and not any(one["uid"] in living or self._lives(one, found) for one in owners):
                    self.delete(kind, metadata["namespace"], metadata["name"], metadata["uid"])

    def _lives(self, owner: Object, found: Object) -> bool:
        """Whether an owner is there, of which its watch may not have told yet."""
        kind = KINDS.get(owner["kind"])
        if kind is None or kind.api_version != owner["apiVersion"]:
            return True  # a kind that nobody here looks after
        known = self.client.get(kind, found["metadata"]["namespace"], owner["name"])
        return known is not None and known["metadata"]["uid"] == owner["uid"]

    def _finalize(self, kind: Kind, owner: Object) -> None:
        """Does what an owner that is on its way out waits for."""
        metadata = owner["metadata"]
        finalizers = metadata.get("finalizers") or []
        dependents = [*self._dependents(metadata["uid"])]
        if FOREGROUND in finalizers:
            for of, one in dependents:
                if not one["metadata"].get("deletionTimestamp"):
                    self.delete(of, one["metadata"]["namespace"], one["metadata"]["name"], one["metadata"]["uid"])
            if dependents:
                return
        elif ORPHAN in finalizers:
            for of, one in dependents:
                kept = [left for left in one["metadata"]["ownerReferences"] if left["uid"] != metadata["uid"]]
                change = {"metadata": {"ownerReferences": kept, "uid": one["metadata"]["uid"]}}
                self.patch(of, one["metadata"]["namespace"], one["metadata"]["name"], change)
        left = [one for one in finalizers if one not in (FOREGROUND, ORPHAN)]
        if left != finalizers:
            self.patch(kind, metadata["namespace"], metadata["name"], {"metadata": {"finalizers": left}})

    def _dependents(self, uid: str) -> Iterator[tuple[Kind, Object]]:
        for kind in self.kinds:
            for found in [*self.all(kind)]:
                if any(one["uid"] == uid for one in found["metadata"].get("ownerReferences") or ()):
                    yield kind, found
