"""The subresource ``/scale``: how many pods a deployment or replica set is to have, as autoscaling/v1 Scale."""

from __future__ import annotations

from typing import Any

from .columns import selector_text
from .decoding import Decoder
from .errors import Object, invalid, invalid_object
from .schema import find_type

_PACKAGE = "io.k8s.api.autoscaling.v1"
_VERSION = "autoscaling/v1"


def scale_of(given: Object) -> Object:
    """The scale of an object."""
    names = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    metadata = {name: given["metadata"][name] for name in names if name in given["metadata"]}
    selector = selector_text(given["spec"].get("selector"))
    return {
        "kind": "Scale",
        "apiVersion": _VERSION,
        "metadata": metadata,
        "spec": {"replicas": given["spec"].get("replicas", 0)},
        "status": {
            "replicas": given["status"].get("replicas", 0),
            "selector": "" if selector == "<none>" else selector,
        },
    }


def set_scale(given: Object, scale: Any) -> Object:
    """The object with the number of pods that a scale asks for.

    Raises:
        ApiError: the scale cannot be read or is not allowed.
    """
    read = Decoder(_VERSION, "Scale").decode(scale, find_type(_PACKAGE, "Scale"))
    replicas = read.get("spec", {}).get("replicas", 0)
    if replicas < 0:
        error = invalid("spec.replicas", replicas, "must be greater than or equal to 0")
        raise invalid_object("autoscaling", "Scale", given["metadata"]["name"], [error])
    given["spec"]["replicas"] = replicas
    version = read.get("metadata", {}).get("resourceVersion")
    if version:
        given["metadata"]["resourceVersion"] = version
    return given
