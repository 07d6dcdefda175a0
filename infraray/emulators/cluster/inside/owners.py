"""Which deployment a pod belongs to: one that owns a ReplicaSet that owns the pod."""

from __future__ import annotations

from collections.abc import Iterable

from .api_client import Object, key


def deployments_of(pods: Iterable[Object], replica_sets: Iterable[Object]) -> dict[str, str]:
    """The deployment of each pod that has one, both by ``namespace/name``, in the order of the pods' names.

    Args:
        pods: as an API server lists them.
        replica_sets: those of the same namespaces.
    """
    deployments = {
        one["metadata"]["uid"]: f"{one['metadata']['namespace']}/{owner['name']}"
        for one in replica_sets
        for owner in _owners(one)
        if owner["kind"] == "Deployment"
    }
    return {
        key(pod): deployments[owner["uid"]]
        for pod in sorted(pods, key=key)
        for owner in _owners(pod)
        if owner["uid"] in deployments
    }


def _owners(one: Object) -> Iterable[Object]:
    owners: Iterable[Object] = one["metadata"].get("ownerReferences") or ()
    return owners
