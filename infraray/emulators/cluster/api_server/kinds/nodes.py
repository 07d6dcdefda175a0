"""core/v1 Node."""

from __future__ import annotations

from ..columns import AGE, NAME
from ..errors import FieldError, Object, forbidden_field, invalid
from ..kind import Column, Kind
from ..validation.names import label_key_problem

_ROLE = "node-role.kubernetes.io/"


def validate(given: Object) -> list[FieldError]:
    """Checks the taints."""
    errors = []
    for index, taint in enumerate(given["spec"].get("taints", [])):
        if problem := label_key_problem(taint.get("key", "")):
            errors.append(invalid(f"spec.taints[{index}].key", taint.get("key", ""), problem))
    return errors


def validate_change(new: Object, old: Object) -> list[FieldError]:
    """Refuses another address range or machine."""
    return [
        forbidden_field(f"spec.{name}", "node updates may not change it once it is set")
        for name in ("podCIDR", "providerID")
        if old["spec"].get(name) and new["spec"].get(name) != old["spec"][name]
    ]


def _status(given: Object) -> str:
    ready = [item["status"] for item in given["status"].get("conditions", []) if item["type"] == "Ready"]
    words = ["Ready" if ready == ["True"] else "NotReady" if ready else "Unknown"]
    if given["spec"].get("unschedulable"):
        words.append("SchedulingDisabled")
    return ",".join(words)


def _roles(given: Object) -> str:
    labels = given["metadata"].get("labels", {})
    return ",".join(sorted(key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE))) or "<none>"


def _address(given: Object, kind: str) -> str:
    found = [item["address"] for item in given["status"].get("addresses", []) if item["type"] == kind]
    return found[0] if found else "<none>"


def _info(given: Object, name: str) -> str:
    return given["status"].get("nodeInfo", {}).get(name) or "<unknown>"


KIND = Kind(
    group="",
    name="Node",
    plural="nodes",
    singular="node",
    short_names=("no",),
    namespaced=False,
    package="io.k8s.api.core.v1",
    columns=(
        NAME,
        Column("Status", _status),
        Column("Roles", _roles),
        AGE,
        Column("Version", lambda given: given["status"].get("nodeInfo", {}).get("kubeletVersion", "")),
        Column("Internal-IP", lambda given: _address(given, "InternalIP"), wide=True),
        Column("External-IP", lambda given: _address(given, "ExternalIP"), wide=True),
        Column("OS-Image", lambda given: _info(given, "osImage"), wide=True),
        Column("Kernel-Version", lambda given: _info(given, "kernelVersion"), wide=True),
        Column("Container-Runtime", lambda given: _info(given, "containerRuntimeVersion"), wide=True),
    ),
    subresources=("status",),
    validate=validate,
    validate_change=validate_change,
    selectable={"spec.unschedulable": lambda given: str(given["spec"].get("unschedulable", False)).lower()},
)
