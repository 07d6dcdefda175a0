"""What comes with a namespace, and what goes with it.

A new namespace gets a service account ``default`` and a config map ``kube-root-ca.crt``, as the controllers of
Kubernetes make them. A namespace that is deleted stays, terminating, until nothing is left in it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from .errors import ApiError, Object
from .kinds import KINDS, config_maps, namespaces, service_accounts
from .objects import Objects
from .store import Change, Key
from .writing import Deletion, Options, Writer

_ACCOUNT = "default"
_CERTIFICATE = "kube-root-ca.crt"
_GIVEN = (_ACCOUNT, _CERTIFICATE)
"""What every namespace has, and gets again when it is deleted."""

_OPTIONS = Options(manager="kube-controller-manager")


class NamespaceLifecycle:
    """Follows namespaces and their contents."""

    def __init__(self, objects: Objects, writer: Writer, root_certificate: str) -> None:
        self._objects = objects
        self._writer = writer
        self._root_certificate = root_certificate
        for kind in KINDS:
            follow = self._follow_namespace if kind is namespaces.KIND else self._follow_content
            objects[kind].listeners[self] = follow

    def _follow_namespace(self, change: Change) -> None:
        if change.after is None:
            return
        loop = asyncio.get_running_loop()
        if change.before is None:
            self._fill(change.key[1])
        elif "deletionTimestamp" in change.after.object["metadata"]:
            loop.call_soon(self._empty, change.key)

    def _follow_content(self, change: Change) -> None:
        if change.after is None:
            key = ("", change.key[0])
            namespace = self._objects[namespaces.KIND].get(key)
            if namespace is None:
                return
            loop = asyncio.get_running_loop()
            if "deletionTimestamp" in namespace.object["metadata"]:
                loop.call_soon(self._empty, key)
            elif change.key[1] in _GIVEN:
                loop.call_soon(self._fill, change.key[0])

    def _fill(self, name: str) -> None:
        account = {"metadata": {"name": _ACCOUNT}}
        certificate = {"metadata": {"name": _CERTIFICATE}, "data": {"ca.crt": self._root_certificate}}
        for kind, given in ((service_accounts.KIND, account), (config_maps.KIND, certificate)):
            with suppress(ApiError):  # it is there already, or the namespace is going
                self._writer.create(kind, name, given, _OPTIONS)

    def _empty(self, key: Key) -> None:
        """Deletes what is in a namespace, and the namespace once that is gone."""
        if self._objects[namespaces.KIND].get(key) is None:
            return
        for kind, place, stored in list(self._objects.in_namespace(key[1])):
            if "deletionTimestamp" not in stored.object["metadata"]:
                with suppress(ApiError):
                    self._writer.delete(kind, place, Deletion())
        if any(True for _ in self._objects.in_namespace(key[1])):
            return

        def release(given: Object) -> Object:
            given["spec"].pop("finalizers", None)
            return given

        with suppress(ApiError):
            self._writer.update(namespaces.KIND, key, release, _OPTIONS, "finalize")
