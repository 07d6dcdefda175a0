"""core/v1 Pod."""

from __future__ import annotations

from typing import Any

from ..columns import AGE, NAME
from ..errors import FieldError, Object, forbidden_field, invalid
from ..kind import Column, Kind
from ..times import age
from ..validation.pod_spec import default_pod_spec, validate_pod_spec
from ..validation.quantities import read_quantity

_TOLERATED = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_TOLERATION_S = 300

CHANGEABLE = ("activeDeadlineSeconds", "ephemeralContainers", "terminationGracePeriodSeconds", "tolerations")
"""Parts of a spec that may change, beside the images."""


def default(pod: Object) -> None:
    """Sets what Kubernetes and the admission that it always has set."""
    spec = pod["spec"]
    default_pod_spec(spec)
    spec.setdefault("enableServiceLinks", True)
    spec.setdefault("serviceAccountName", "default")
    spec.setdefault("serviceAccount", spec["serviceAccountName"])
    spec.setdefault("priority", 0)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    tolerations = spec.setdefault("tolerations", [])
    for key in _TOLERATED:
        if not any(
            item.get("key") in (None, key) and item.get("effect", "NoExecute") == "NoExecute" for item in tolerations
        ):
            tolerations.append(
                {"effect": "NoExecute", "key": key, "operator": "Exists", "tolerationSeconds": _TOLERATION_S}
            )
    pod["status"].setdefault("phase", "Pending")
    pod["status"].setdefault("qosClass", _quality(spec))


def _quality(spec: Object) -> str:
    """Quality of service: what the containers ask for of CPU and memory."""
    containers = spec.get("containers", []) + spec.get("initContainers", [])
    asked = [
        resources.get(part, {}).get(name)
        for resources in (container.get("resources", {}) for container in containers)
        for part in ("requests", "limits")
        for name in ("cpu", "memory")
    ]
    if not any(asked):
        return "BestEffort"
    guaranteed = all(asked) and all(
        read_quantity(container["resources"]["requests"][name]) == read_quantity(container["resources"]["limits"][name])
        for container in containers
        for name in ("cpu", "memory")
    )
    return "Guaranteed" if guaranteed else "Burstable"


def validate(pod: Object) -> list[FieldError]:
    """Checks the spec."""
    return validate_pod_spec(pod["spec"], "spec")


def validate_change(new: Object, old: Object) -> list[FieldError]:
    """Refuses changes of anything but images, deadlines and tolerations."""
    if _fixed(new["spec"]) != _fixed(old["spec"]):
        return [
            forbidden_field(
                "spec",
                "pod updates may not change fields other than `spec.containers[*].image`, "
                "`spec.initContainers[*].image`, `spec.activeDeadlineSeconds`, "
                "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative) "
                "and `spec.tolerations` (only additions to existing tolerations)",
            )
        ]
    errors = []
    if new["spec"].get("terminationGracePeriodSeconds") != old["spec"].get("terminationGracePeriodSeconds"):
        errors.append(forbidden_field("spec.terminationGracePeriodSeconds", "may not change"))
    kept = [
        toleration
        for toleration in old["spec"].get("tolerations", [])
        if toleration not in new["spec"].get("tolerations", [])
    ]
    if kept:
        errors.append(
            forbidden_field("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds")
        )
    if new["spec"].get("ephemeralContainers", []) != old["spec"].get("ephemeralContainers", []):
        errors.append(forbidden_field("spec.ephemeralContainers", "may only be changed through the subresource"))
    limit = new["spec"].get("activeDeadlineSeconds")
    if limit is None and "activeDeadlineSeconds" in old["spec"]:
        errors.append(
            invalid("spec.activeDeadlineSeconds", limit, "must not update from a positive integer to nil value")
        )
    return errors


def _fixed(spec: Object) -> Any:
    fixed = {name: value for name, value in spec.items() if name not in CHANGEABLE}
    for part in ("containers", "initContainers"):
        fixed[part] = [{**container, "image": "", "imagePullPolicy": ""} for container in spec.get(part, [])]
    return fixed


def _statuses(pod: Object, part: str) -> list[Object]:
    found: list[Object] = pod["status"].get(part, [])
    return found


def _ready(pod: Object) -> str:
    statuses = _statuses(pod, "containerStatuses")
    return f"{sum(bool(status.get('ready')) for status in statuses)}/{len(pod['spec'].get('containers', []))}"


def _restarts(pod: Object) -> str:
    statuses = _statuses(pod, "containerStatuses")
    count = sum(status.get("restartCount", 0) for status in statuses)
    ended = [status.get("lastState", {}).get("terminated", {}).get("finishedAt") for status in statuses]
    last = max((time for time in ended if time), default="")
    return f"{count} ({age(last)} ago)" if count and last else str(count)


def _reason(state: Object) -> str:
    """Why a container waits or ended; empty if it runs."""
    if "waiting" in state:
        return str(state["waiting"].get("reason", ""))
    if "terminated" not in state:
        return ""
    ended = state["terminated"]
    if ended.get("reason"):
        return str(ended["reason"])
    return f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode', 0)}"


def _initializing(pod: Object) -> str:
    """Which of its first containers it is waiting for; empty if for none."""
    planned = len(pod["spec"].get("initContainers", []))
    for index, status in enumerate(_statuses(pod, "initContainerStatuses")):
        state = status.get("state", {})
        if "terminated" in state and state["terminated"].get("exitCode", 0) == 0:
            continue
        reason = _reason(state)
        return f"Init:{reason}" if reason and reason != "PodInitializing" else f"Init:{index}/{planned}"
    return ""


def _status(pod: Object) -> str:
    status = pod["status"]
    shown = status.get("reason") or status.get("phase", "")
    if pod["spec"].get("schedulingGates"):
        shown = "SchedulingGated"
    waiting = _initializing(pod)
    if waiting:
        shown = waiting
    else:
        running = False
        for container in reversed(_statuses(pod, "containerStatuses")):
            shown = _reason(container.get("state", {})) or shown
            running |= bool(container.get("ready")) and "running" in container.get("state", {})
        if shown == "Completed" and running:
            shown = "Running" if _condition(pod, "Ready") == "True" else "NotReady"
    if pod["metadata"].get("deletionTimestamp"):
        shown = "Unknown" if status.get("reason") == "NodeLost" else "Terminating"
    return str(shown)


def _condition(pod: Object, name: str) -> str:
    found = [item["status"] for item in pod["status"].get("conditions", []) if item["type"] == name]
    return found[0] if found else ""


def _gates(pod: Object) -> str:
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates", [])]
    return f"{sum(_condition(pod, gate) == 'True' for gate in gates)}/{len(gates)}" if gates else "<none>"


KIND = Kind(
    group="",
    name="Pod",
    plural="pods",
    singular="pod",
    short_names=("po",),
    categories=("all",),
    package="io.k8s.api.core.v1",
    columns=(
        NAME,
        Column("Ready", _ready),
        Column("Status", _status),
        Column("Restarts", _restarts),
        AGE,
        Column("IP", lambda given: given["status"].get("podIP") or "<none>", wide=True),
        Column("Node", lambda given: given["spec"].get("nodeName") or "<none>", wide=True),
        Column("Nominated Node", lambda given: given["status"].get("nominatedNodeName") or "<none>", wide=True),
        Column("Readiness Gates", _gates, wide=True),
    ),
    subresources=("status", "ephemeralcontainers", "binding", "eviction", "log", "exec", "attach", "portforward"),
    default=default,
    validate=validate,
    validate_change=validate_change,
    selectable={
        "spec.nodeName": lambda given: given["spec"].get("nodeName", ""),
        "spec.restartPolicy": lambda given: given["spec"].get("restartPolicy", ""),
        "spec.schedulerName": lambda given: given["spec"].get("schedulerName", ""),
        "spec.serviceAccountName": lambda given: given["spec"].get("serviceAccountName", ""),
        "spec.hostNetwork": lambda given: str(given["spec"].get("hostNetwork", False)).lower(),
        "status.phase": lambda given: given["status"].get("phase", ""),
        "status.podIP": lambda given: given["status"].get("podIP", ""),
        "status.nominatedNodeName": lambda given: given["status"].get("nominatedNodeName", ""),
    },
    spec_parts=("spec",),
)
