"""The objects of one kind, with their history, from which watches and old versions are told.

An object, once stored, is never changed: a write stores another. Its JSON is kept with it, so that any number of lists
and watches encode it once. The history holds the latest changes of the kind; what is older is forgotten, and who asks
for it is told that it expired, as by Kubernetes.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from .errors import Object, out_of_space

Key = tuple[str, str]
"""Namespace (empty for kinds without one) and name."""

MOST_CHANGES = 4096
"""Changes of a kind that are remembered."""

MOST_BYTES = 1 << 25
"""JSON of all objects and of what changes remember; like etcd's quota, so that nobody fills the computer's memory."""


def encode(content: Any) -> bytes:
    """JSON without spaces."""
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


class Stored:
    """An object as stored, its version, and its JSON, made when first needed."""

    __slots__ = ("_json", "object", "version")

    def __init__(self, stored: Object, version: int) -> None:
        self.object = stored
        self.version = version
        self._json: bytes | None = None

    @property
    def json(self) -> bytes:
        """Its JSON."""
        if self._json is None:
            self._json = encode(self.object)
        return self._json

    def copy(self) -> Object:
        """A copy that may be changed."""
        copied: Object = json.loads(self.json)
        return copied


class Change:
    """One write: what was there before and after. ``frames`` caches what watchers of the same format are sent."""

    __slots__ = ("_departed", "after", "before", "frames", "key", "version")

    def __init__(self, key: Key, before: Stored | None, after: Stored | None, version: int) -> None:
        self.key = key
        self.before = before
        self.after = after
        self.version = version
        self.frames: dict[Any, bytes] = {}
        self._departed: Stored | None = None

    @property
    def departed(self) -> Stored:
        """The object before, in this change's version: what is told to whom it was removed from sight."""
        if self._departed is None:
            assert self.before is not None
            metadata = self.before.object["metadata"] | {"resourceVersion": str(self.version)}
            self._departed = Stored(self.before.object | {"metadata": metadata}, self.version)
        return self._departed


class Versions:
    """What all kinds share: a counter, of which each write anywhere gets the next number, and the space.

    Attributes:
        current: The latest number.
        bytes: JSON of the objects in all their remembered versions.
    """

    def __init__(self) -> None:
        self.current = 1
        self.bytes = 0

    def next(self) -> int:
        """A new version."""
        self.current += 1
        return self.current


class Collection:
    """All objects of one kind."""

    def __init__(self, versions: Versions) -> None:
        self._versions = versions
        self._objects: dict[Key, Stored] = {}
        self._sorted: list[Key] | None = []
        self._history: deque[Change] = deque(maxlen=MOST_CHANGES)
        self._forgotten = 0
        self.listeners: dict[object, Callable[[Change], None]] = {}
        """Called after each change, each under a key of its own."""

    def __len__(self) -> int:
        return len(self._objects)

    def get(self, key: Key) -> Stored | None:
        """An object, if there is one of this name."""
        return self._objects.get(key)

    def in_order(self) -> list[Key]:
        """All keys, sorted."""
        if self._sorted is None:
            self._sorted = sorted(self._objects)
        return self._sorted

    def __iter__(self) -> Iterator[Stored]:
        return (self._objects[key] for key in self.in_order())

    def put(self, key: Key, stored: Object) -> Stored:
        """Stores an object in a new version, which is written into it.

        Raises:
            ApiError: no space is left (500, as from Kubernetes).
        """
        version = self._versions.next()
        stored["metadata"]["resourceVersion"] = str(version)
        after = Stored(stored, version)
        if self._versions.bytes + len(after.json) > MOST_BYTES:
            raise out_of_space()
        self._versions.bytes += len(after.json)
        before = self._objects.get(key)
        if before is None:
            self._sorted = None
        self._objects[key] = after
        self._tell(Change(key, before, after, version))
        return after

    def remove(self, key: Key) -> Stored:
        """Removes an object and returns its last state, in the version of its removal."""
        before = self._objects.pop(key)
        self._sorted = None
        change = Change(key, before, None, self._versions.next())
        self._tell(change)
        return change.departed

    def changes_since(self, version: int) -> list[Change] | None:
        """The changes after a version; None if some of them are forgotten."""
        if version < self._forgotten:
            return None
        changes: list[Change] = []
        for change in reversed(self._history):
            if change.version <= version:
                break
            changes.append(change)
        changes.reverse()
        return changes

    def at(self, version: int) -> dict[Key, Stored] | None:
        """The objects as they were at a version; None if that is forgotten."""
        changes = self.changes_since(version)
        if changes is None:
            return None
        if not changes:
            return self._objects
        objects = dict(self._objects)
        for change in reversed(changes):
            if change.before is None:
                objects.pop(change.key, None)
            else:
                objects[change.key] = change.before
        return objects

    def _tell(self, change: Change) -> None:
        if len(self._history) == MOST_CHANGES:
            oldest = self._history[0]
            self._forgotten = oldest.version
            if oldest.before is not None:
                self._versions.bytes -= len(oldest.before.json)
        self._history.append(change)
        for listener in list(self.listeners.values()):
            listener(change)
