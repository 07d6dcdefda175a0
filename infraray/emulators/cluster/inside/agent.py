"""The frame of controllers and agents: what they watch, and a thread that makes the world as it should be.

An agent knows nothing but the objects that it watches, and says what it does through the API alone.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from .api_client import Address, ApiClient, ApiError, Kind, Object, Watch, key

AGAIN_S = 0.2
"""Pause after a failure before all is looked at again."""

News = tuple[Kind, str, Object | None]
"""A kind, the key of an object, and its new state; None if it is gone."""


class Agent:
    """Calls `reconcile` whenever something it watches has changed.

    Args:
        name: who it is, to the API server.
        address: the API server's.
        kinds: what it watches.
    """

    def __init__(self, name: str, address: Address, kinds: Iterable[Kind]) -> None:
        self.name = name
        self.client = ApiClient(address, name)
        self.kinds = tuple(kinds)
        self._seen: dict[Kind, dict[str, str]] = {kind: {} for kind in self.kinds}
        """The versions of all objects by key, as they were when all was last reconciled."""
        self._done = threading.Condition()
        self._address = address
        self._objects: dict[Kind, dict[str, Object]] = {kind: {} for kind in self.kinds}
        self._gone: set[str] = set()
        """Ids of objects that were deleted by us, of which the watch may not have told yet."""
        self._news: list[News] = []
        self._recorded: list[News] | None = None
        self._arrived = threading.Condition()

    def record(self) -> list[News]:
        """Begins to record all that it hears, and returns what it has heard since it last began."""
        with self._arrived:
            recorded, self._recorded = self._recorded or [], []
        return recorded

    def start(self) -> None:
        """Begins to watch and to act."""
        threading.Thread(target=self._act, name=self.name, daemon=True).start()
        for kind in self.kinds:
            Watch(self._address, kind, self.name, self._hear)

    def all(self, kind: Kind) -> Iterable[Object]:
        """The objects of a kind."""
        return self._objects[kind].values()

    def named(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """The object of a name."""
        return self._objects[kind].get(f"{namespace}/{name}")

    def has_seen(self, versions: Mapping[Kind, Mapping[str, str]], seconds: float) -> bool:
        """Waits until all is reconciled as it is in these versions, by kind and key; False if that takes longer."""
        with self._done:
            return self._done.wait_for(lambda: all(self._seen[kind] == versions[kind] for kind in self.kinds), seconds)

    def create(self, kind: Kind, made: Mapping[str, Any]) -> Object:
        """Creates an object, and knows it from now on."""
        return self._remember(kind, self.client.create(kind, made))

    def patch(self, kind: Kind, namespace: str, name: str, change: Mapping[str, Any], subresource: str = "") -> Object:
        """Merges a change into an object, and knows the result from now on."""
        return self._remember(kind, self.client.patch(kind, namespace, name, change, subresource))

    def delete(self, kind: Kind, namespace: str, name: str, uid: str, grace_s: int | None = None) -> None:
        """Deletes an object, if it is still there, and knows that from now on."""
        answer = self.client.delete(kind, namespace, name, uid, grace_s)
        if answer is not None and answer.get("kind") == kind.name and answer["metadata"].get("deletionTimestamp"):
            self._remember(kind, answer)
        else:
            self._gone.add(uid)
            if kind in self._objects:
                self._objects[kind].pop(f"{namespace}/{name}", None)

    def _remember(self, kind: Kind, found: Object) -> Object:
        """Knows an object at once, so that the same is not done twice before the watch tells of it."""
        if kind in self._objects:
            self._objects[kind][key(found)] = found
        return found

    def reconcile(self, changed: dict[Kind, set[str]]) -> None:
        """Makes the world as the watched objects say.

        Args:
            changed: the keys of objects that have changed since it was last called without an error.

        Raises:
            ApiError: a request was refused, such as for a conflict; all is tried again soon.
            OSError: likewise.
        """
        raise NotImplementedError

    def _hear(self, kind: Kind, name: str, found: Object | None) -> None:
        with self._arrived:
            self._news.append((kind, name, found))
            if self._recorded is not None:
                self._recorded.append((kind, name, found))
            self._arrived.notify()

    def _act(self) -> None:
        changed: dict[Kind, set[str]] = defaultdict(set)
        while True:
            with self._arrived:
                if not changed:
                    self._arrived.wait_for(lambda: self._news)
                news, self._news = self._news, []
            for kind, name, found in news:
                changed[kind].add(name)
                self._note(kind, name, found)
            try:
                self.reconcile(changed)
            except (ApiError, OSError):
                time.sleep(AGAIN_S)  # what is in the way is often an older version; the newer one arrives meanwhile
                continue
            except Exception:  # an object that nobody expected must not end the cluster
                traceback.print_exc(file=sys.stderr)
                time.sleep(AGAIN_S)
                continue
            changed = defaultdict(set)
            self._publish()

    def _note(self, kind: Kind, name: str, found: Object | None) -> None:
        """Notes what a watch tells, unless it is older than what was answered to a request of ours."""
        known = self._objects[kind].get(name)
        if found is None:
            self._objects[kind].pop(name, None)
        elif found["metadata"]["uid"] not in self._gone and not (known and _version(known) > _version(found)):
            self._objects[kind][name] = found

    def _publish(self) -> None:
        seen = {
            kind: {name: str(found["metadata"]["resourceVersion"]) for name, found in objects.items()}
            for kind, objects in self._objects.items()
        }
        with self._done:
            self._seen = seen
            self._done.notify_all()


def _version(found: Object) -> int:
    """The order in which the API server has written objects (comparable since Kubernetes 1.35)."""
    return int(found["metadata"]["resourceVersion"])
