"""core/v1 Namespace."""

from __future__ import annotations

from ..columns import AGE, NAME
from ..errors import Object
from ..kind import Column, Kind

FINALIZER = "kubernetes"
"""In the spec of every namespace, until it is empty."""

LASTING = ("default", "kube-public", "kube-system")
"""The namespaces that cannot be deleted."""


def default(given: Object) -> None:
    """Labels it with its name, and lets it wait for its contents when it is deleted."""
    given["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = given["metadata"].get("name", "")
    if "deletionTimestamp" not in given["metadata"]:
        given["spec"]["finalizers"] = [FINALIZER]
    given["status"].setdefault("phase", "Active")


def _phase(given: Object) -> str:
    return str(given["status"].get("phase", ""))


KIND = Kind(
    group="",
    name="Namespace",
    plural="namespaces",
    singular="namespace",
    short_names=("ns",),
    namespaced=False,
    package="io.k8s.api.core.v1",
    columns=(NAME, Column("Status", _phase), AGE),
    verbs=("create", "delete", "get", "list", "patch", "update", "watch"),
    subresources=("status", "finalize"),
    default=default,
    name_rule="label",
    selectable={"status.phase": _phase, "name": lambda given: given["metadata"]["name"]},
)
