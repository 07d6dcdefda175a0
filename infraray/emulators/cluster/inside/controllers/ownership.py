"""Which object made which: the owner reference of a controller."""

from __future__ import annotations

from typing import Any

from ..api_client import Kind, Object


def owner_reference(kind: Kind, owner: Object) -> dict[str, Any]:
    """The reference with which a controller marks what it has made."""
    metadata = owner["metadata"]
    return {
        "apiVersion": kind.api_version,
        "kind": kind.name,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controller_of(found: Object) -> str:
    """The id of the object that controls another one; empty if none does."""
    references = found["metadata"].get("ownerReferences") or ()
    return next((str(one["uid"]) for one in references if one.get("controller")), "")


def is_ready(pod: Object) -> bool:
    """Whether a pod says that it is ready."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
