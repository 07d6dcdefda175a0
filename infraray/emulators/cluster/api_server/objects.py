"""All objects of the cluster, by kind, and who owns whom."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from .errors import not_found
from .kind import Kind
from .kinds import KINDS
from .store import Change, Collection, Key, Stored, Versions


class Objects:
    """One collection for each kind; writes go through `put` and `remove`."""

    def __init__(self) -> None:
        self.versions = Versions()
        self._collections = {kind.plural: Collection(self.versions) for kind in KINDS}
        self._owned: dict[str, set[tuple[str, Key]]] = {}
        self._places: dict[str, tuple[Kind, Key]] = {}
        for kind in KINDS:
            self[kind].listeners[self] = partial(self._follow_owners, kind)

    def __getitem__(self, kind: Kind) -> Collection:
        return self._collections[kind.plural]

    def find(self, kind: Kind, key: Key) -> Stored:
        """An object.

        Raises:
            ApiError: there is none of this name (404).
        """
        found = self[kind].get(key)
        if found is None:
            raise not_found(kind.group, kind.plural, key[1])
        return found

    def owned_by(self, uid: str) -> Iterator[tuple[Kind, Key, Stored]]:
        """The objects that name this one among their owners."""
        for plural, key in sorted(self._owned.get(uid, ())):
            kind = next(kind for kind in KINDS if kind.plural == plural)
            found = self[kind].get(key)
            if found is not None:
                yield kind, key, found

    def place_of(self, uid: str) -> tuple[Kind, Key] | None:
        """Where the object of this identity is, if it is there."""
        return self._places.get(uid)

    def in_namespace(self, namespace: str) -> Iterator[tuple[Kind, Key, Stored]]:
        """Everything in a namespace."""
        for kind in KINDS:
            if kind.namespaced:
                for key in list(self[kind].in_order()):
                    found = self[kind].get(key) if key[0] == namespace else None
                    if found is not None:
                        yield kind, key, found

    def _follow_owners(self, kind: Kind, change: Change) -> None:
        if change.after is None and change.before is not None:
            self._places.pop(change.before.object["metadata"]["uid"], None)
        elif change.before is None and change.after is not None:
            self._places[change.after.object["metadata"]["uid"]] = (kind, change.key)
        before, after = _owners(change.before), _owners(change.after)
        for uid in before - after:
            self._owned[uid].discard((kind.plural, change.key))
            if not self._owned[uid]:
                del self._owned[uid]
        for uid in after - before:
            self._owned.setdefault(uid, set()).add((kind.plural, change.key))


def _owners(stored: Stored | None) -> set[str]:
    if stored is None:
        return set()
    return {owner["uid"] for owner in stored.object["metadata"].get("ownerReferences", [])}
