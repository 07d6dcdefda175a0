"""Defaults and rules of pods' specs, which pods and templates share."""

from __future__ import annotations

from typing import Any

from ..errors import FieldError, Object, duplicate, invalid, required, unsupported
from .fields import validate_labels
from .names import (
    env_name_problem,
    label_problem,
    port_name_problem,
    port_number_problem,
    subdomain_problem,
)
from .quantities import read_quantity

CONTAINER_LISTS = ("initContainers", "containers", "ephemeralContainers")

_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc", "sleep")


def default_pod_spec(spec: Object) -> None:
    """Sets what depends on other fields."""
    if spec.get("serviceAccountName"):
        spec["serviceAccount"] = spec["serviceAccountName"]
    elif spec.get("serviceAccount"):
        spec["serviceAccountName"] = spec["serviceAccount"]
    for part in CONTAINER_LISTS:
        for container in spec.get(part, []):
            if not container.get("imagePullPolicy"):
                container["imagePullPolicy"] = _pull_policy(container.get("image", ""))
            resources = container.get("resources", {})
            for name, limit in resources.get("limits", {}).items():
                resources.setdefault("requests", {}).setdefault(name, limit)
            if spec.get("hostNetwork"):
                for port in container.get("ports", []):
                    port.setdefault("hostPort", port.get("containerPort", 0))
    for volume in spec.get("volumes", []):
        if set(volume) <= {"name"}:
            volume["emptyDir"] = {}


def _pull_policy(image: str) -> str:
    last = image.rpartition("/")[2]
    if "@" in last:
        return "IfNotPresent"
    _, colon, tag = last.partition(":")
    return "IfNotPresent" if colon and tag != "latest" else "Always"


def validate_pod_spec(spec: Object, path: str) -> list[FieldError]:
    """What is wrong with a pod's spec, beyond its fields' types."""
    errors: list[FieldError] = []
    volumes: set[str] = set()
    for index, volume in enumerate(spec.get("volumes", [])):
        errors += _validate_name(volume.get("name", ""), f"{path}.volumes[{index}].name", volumes)
        if len(volume) > 2:
            detail = "may not specify more than 1 volume type"
            errors.append(FieldError(f"{path}.volumes[{index}]", "FieldValueForbidden", f"Forbidden: {detail}"))
    if not spec.get("containers"):
        errors.append(required(f"{path}.containers"))
    names: set[str] = set()
    for part in CONTAINER_LISTS:
        for index, container in enumerate(spec.get(part, [])):
            where = f"{path}.{part}[{index}]"
            errors += _validate_name(container.get("name", ""), f"{where}.name", names)
            errors += _validate_container(container, where, volumes)
    if spec.get("terminationGracePeriodSeconds", 0) < 0:
        value = spec["terminationGracePeriodSeconds"]
        errors.append(invalid(f"{path}.terminationGracePeriodSeconds", value, "must be greater than or equal to 0"))
    if spec.get("activeDeadlineSeconds", 1) < 1:
        value = spec["activeDeadlineSeconds"]
        errors.append(invalid(f"{path}.activeDeadlineSeconds", value, "must be between 1 and 2147483647, inclusive"))
    for name, problem_of in (
        ("hostname", label_problem),
        ("subdomain", label_problem),
        ("nodeName", subdomain_problem),
    ):
        if spec.get(name) and (problem := problem_of(spec[name])):
            errors.append(invalid(f"{path}.{name}", spec[name], problem))
    account = spec.get("serviceAccountName")
    if account and (problem := subdomain_problem(account)):
        errors.append(invalid(f"{path}.serviceAccountName", account, problem))
    return errors


def _validate_name(name: str, path: str, taken: set[str]) -> list[FieldError]:
    if not name:
        return []  # told as required
    if problem := label_problem(name):
        return [invalid(path, name, problem)]
    if name in taken:
        return [duplicate(path, name)]
    taken.add(name)
    return []


def _validate_container(container: Object, path: str, volumes: set[str]) -> list[FieldError]:
    errors: list[FieldError] = []
    image = container.get("image", "")
    if not image:
        errors.append(required(f"{path}.image"))
    elif image != image.strip():
        errors.append(invalid(f"{path}.image", image, "must not have leading or trailing whitespace"))
    errors += _validate_ports(container.get("ports", []), f"{path}.ports")
    for index, variable in enumerate(container.get("env", [])):
        where = f"{path}.env[{index}]"
        if variable.get("name") and (problem := env_name_problem(variable["name"])):
            errors.append(invalid(f"{where}.name", variable["name"], problem))
        if variable.get("value") and "valueFrom" in variable:
            errors.append(invalid(f"{where}.valueFrom", "", "may not be specified when `value` is not empty"))
    paths: set[str] = set()
    for index, mount in enumerate(container.get("volumeMounts", [])):
        where = f"{path}.volumeMounts[{index}]"
        if mount.get("name") and mount["name"] not in volumes:
            errors.append(FieldError(f"{where}.name", "FieldValueNotFound", f'Not found: "{mount["name"]}"'))
        if mount.get("mountPath") in paths:
            errors.append(invalid(f"{where}.mountPath", mount["mountPath"], "must be unique"))
        paths.add(mount.get("mountPath", ""))
    errors += _validate_resources(container.get("resources", {}), f"{path}.resources")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if name in container:
            errors += _validate_probe(container[name], f"{path}.{name}", name)
    return errors


def _validate_ports(ports: list[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    names: set[str] = set()
    for index, port in enumerate(ports):
        where = f"{path}[{index}]"
        if name := port.get("name"):
            if problem := port_name_problem(name):
                errors.append(invalid(f"{where}.name", name, problem))
            elif name in names:
                errors.append(duplicate(f"{where}.name", name))
            names.add(name)
        number = port.get("containerPort", 0)
        if number == 0:
            errors.append(required(f"{where}.containerPort"))
        elif problem := port_number_problem(number):
            errors.append(invalid(f"{where}.containerPort", number, problem))
        host = port.get("hostPort", 0)
        if host and (problem := port_number_problem(host)):
            errors.append(invalid(f"{where}.hostPort", host, problem))
    return errors


def _validate_resources(resources: Object, path: str) -> list[FieldError]:
    errors = []
    limits = resources.get("limits", {})
    for part in ("limits", "requests"):
        for name, text in resources.get(part, {}).items():
            value = read_quantity(text)
            if value is not None and value < 0:
                errors.append(invalid(f"{path}.{part}[{name}]", text, "must be greater than or equal to 0"))
            limit = read_quantity(limits[name]) if part == "requests" and name in limits else None
            if value is not None and limit is not None and value > limit:
                errors.append(
                    invalid(f"{path}.requests", text, f"must be less than or equal to {name} limit of {limits[name]}")
                )
    return errors


def _validate_probe(probe: Object, path: str, name: str) -> list[FieldError]:
    errors = []
    handlers = [handler for handler in _HANDLERS if handler in probe]
    if not handlers:
        errors.append(required(path, "must specify a handler type"))
    for handler in handlers[1:]:
        detail = "may not specify more than 1 handler type"
        errors.append(FieldError(f"{path}.{handler}", "FieldValueForbidden", f"Forbidden: {detail}"))
    for handler in ("httpGet", "tcpSocket"):
        port = probe.get(handler, {}).get("port")
        if port is not None:
            problem = port_number_problem(port) if isinstance(port, int) else port_name_problem(port)
            if problem:
                errors.append(invalid(f"{path}.{handler}.port", port, problem))
    for field in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        if probe.get(field, 0) < 0:
            errors.append(invalid(f"{path}.{field}", probe[field], "must be greater than or equal to 0"))
    if name != "readinessProbe" and probe.get("successThreshold", 1) != 1:
        errors.append(invalid(f"{path}.successThreshold", probe["successThreshold"], "must be 1"))
    return errors


def validate_template(template: Object, path: str) -> list[FieldError]:
    """What is wrong with the template of pods that a controller keeps running."""
    spec = template["spec"]
    errors = validate_labels(template["metadata"].get("labels", {}), f"{path}.metadata.labels")
    errors += validate_pod_spec(spec, f"{path}.spec")
    policy: Any = spec.get("restartPolicy")
    if policy != "Always":
        errors.append(unsupported(f"{path}.spec.restartPolicy", policy, ["Always"]))
    if "activeDeadlineSeconds" in spec:
        errors.append(
            FieldError(
                f"{path}.spec.activeDeadlineSeconds",
                "FieldValueForbidden",
                "Forbidden: activeDeadlineSeconds in a template is not supported",
            )
        )
    return errors
