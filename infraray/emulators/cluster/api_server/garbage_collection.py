"""Removes objects whose owners are gone, as Kubernetes' garbage collector does.

By default an owner goes at once and its dependents follow; an owner deleted in the foreground waits for them, and one
that orphans them leaves them without an owner. It works soon after each change, never inside a client's request.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial

from .errors import ApiError, Object
from .kind import Kind
from .kinds import KINDS
from .objects import Objects
from .store import Change, Key
from .writing import PROPAGATION, Deletion, Options, Writer

_OPTIONS = Options(manager="kube-controller-manager")


class GarbageCollector:
    """Follows all kinds."""

    def __init__(self, objects: Objects, writer: Writer) -> None:
        self._objects = objects
        self._writer = writer
        for kind in KINDS:
            objects[kind].listeners[self] = partial(self._follow, kind)

    def _follow(self, kind: Kind, change: Change) -> None:
        loop = asyncio.get_running_loop()
        if change.after is None:
            assert change.before is not None
            loop.call_soon(self._after_removal, change.before.object["metadata"])
        else:
            metadata = change.after.object["metadata"]
            if "deletionTimestamp" in metadata and set(PROPAGATION.values()) & set(metadata.get("finalizers", [])):
                loop.call_soon(self._finalize, kind, change.key)
            elif change.before is None and metadata.get("ownerReferences"):
                loop.call_soon(self._collect, kind, change.key)

    def _after_removal(self, metadata: Object) -> None:
        for kind, key, _ in list(self._objects.owned_by(metadata["uid"])):
            self._collect(kind, key)
        for owner in metadata.get("ownerReferences", []):
            place = self._objects.place_of(owner["uid"])
            if place is not None and "deletionTimestamp" in self._objects.find(*place).object["metadata"]:
                self._finalize(*place)

    def _collect(self, kind: Kind, key: Key) -> None:
        """Deletes an object if none of its owners is left."""
        stored = self._objects[kind].get(key)
        if stored is None or "deletionTimestamp" in stored.object["metadata"]:
            return
        owners = stored.object["metadata"].get("ownerReferences", [])
        if owners and not any(self._objects.place_of(owner["uid"]) for owner in owners):
            with suppress(ApiError):
                self._writer.delete(kind, key, Deletion(uid=stored.object["metadata"]["uid"]))

    def _finalize(self, kind: Kind, key: Key) -> None:
        """Does what an object that is being deleted waits for, as far as it can be done now."""
        stored = self._objects[kind].get(key)
        if stored is None:
            return
        metadata = stored.object["metadata"]
        dependents = list(self._objects.owned_by(metadata["uid"]))
        finalizers = metadata.get("finalizers", [])
        if "orphan" in finalizers:
            for owned, place, _ in dependents:
                self._writer.update(owned, place, lambda given: _without_owner(given, metadata["uid"]), _OPTIONS)
            self._drop_finalizer(kind, key, "orphan")
        elif "foregroundDeletion" in finalizers:
            waiting = False
            for owned, place, dependent in dependents:
                blocks = any(
                    owner["uid"] == metadata["uid"] and owner.get("blockOwnerDeletion")
                    for owner in dependent.object["metadata"]["ownerReferences"]
                )
                with suppress(ApiError):
                    if "deletionTimestamp" not in dependent.object["metadata"]:
                        self._writer.delete(owned, place, Deletion(propagation="Foreground"))
                waiting |= blocks and self._objects[owned].get(place) is not None
            if not waiting:
                self._drop_finalizer(kind, key, "foregroundDeletion")

    def _drop_finalizer(self, kind: Kind, key: Key, name: str) -> None:
        def change(given: Object) -> Object:
            given["metadata"]["finalizers"].remove(name)
            return given

        if self._objects[kind].get(key) is not None:
            self._writer.update(kind, key, change, _OPTIONS)


def _without_owner(given: Object, uid: str) -> Object:
    metadata = given["metadata"]
    metadata["ownerReferences"] = [owner for owner in metadata["ownerReferences"] if owner["uid"] != uid]
    return given
