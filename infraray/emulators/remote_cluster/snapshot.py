"""The state of an application, and its restoration: every object as it was, and proof of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infraray.emulators.cluster.inside.api_client import KINDS
from infraray.emulators.remote_cluster.api import Api, Object
from infraray.emulators.remote_cluster.look import Look

RESTORED = ("NetworkPolicy", "Service", "Deployment")
"""The kinds whose objects are restored; all others follow from them."""


class Snapshot:
    """What there was at one moment.

    Args:
        look: the moment.
    """

    def __init__(self, look: Look) -> None:
        self._objects = {kind: dict(look.objects[kind]) for kind in RESTORED}

    def differences(self, look: Look) -> list[str]:
        """What is not as it was, each as ``Kind namespace/name``."""
        return [f"{kind} {name}" for kind in RESTORED for name in self._differing(kind, look)]

    def restore(self, api: Api, look: Look) -> None:
        """Removes what was not there, and makes what was changed or is missing anew.

        It takes the cluster a while to carry that out: look until there are no `differences`, and no unrest.

        Raises:
            InfrarayError: the API server refuses, or does not answer.
        """
        for kind in RESTORED:
            for name in self._differing(kind, look):
                namespace, _, own = name.partition("/")
                if name in look.objects[kind]:
                    api.request("DELETE", KINDS[kind].url(namespace, own), _OPTIONS, tolerated=(404,))
                if name in self._objects[kind]:  # what has not gone yet is made anew in the next round
                    api.request("POST", KINDS[kind].url(namespace), _anew(self._objects[kind][name]), tolerated=(409,))

    def _differing(self, kind: str, look: Look) -> list[str]:
        was, now = self._objects[kind], look.objects[kind]
        names = {*was, *now}
        return sorted(name for name in names if _essence(was.get(name)) != _essence(now.get(name)))


_OPTIONS = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background", "gracePeriodSeconds": 0}


def _essence(found: Mapping[str, Any] | None) -> object:
    return found and (found["metadata"].get("labels"), found.get("spec"), "deletionTimestamp" in found["metadata"])


def _anew(found: Object) -> Object:
    metadata = found["metadata"]
    kept = {name: metadata[name] for name in ("name", "namespace", "labels") if name in metadata}
    return {"apiVersion": found["apiVersion"], "kind": found["kind"], "metadata": kept, "spec": found["spec"]}
