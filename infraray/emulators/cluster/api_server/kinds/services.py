"""core/v1 Service; its addresses are given out by `service_addresses`."""

from __future__ import annotations

from ..columns import AGE, NAME, map_text
from ..errors import FieldError, Object, duplicate, forbidden_field, invalid, required
from ..kind import Column, Kind
from ..validation.fields import validate_labels
from ..validation.names import label_problem, port_name_problem, port_number_problem, subdomain_problem


def default(service: Object) -> None:
    """Sets what depends on the type and on other fields."""
    spec = service["spec"]
    external = spec["type"] == "ExternalName"
    for port in spec.get("ports", []):
        if port.get("targetPort") in (None, 0, ""):
            port["targetPort"] = port.get("port", 0)
    if spec["sessionAffinity"] == "ClientIP":
        affinity = spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {})
        affinity.setdefault("timeoutSeconds", 10800)
    else:
        spec.pop("sessionAffinityConfig", None)
    if not external:
        spec.setdefault("internalTrafficPolicy", "Cluster")
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")
    if spec["type"] in ("NodePort", "LoadBalancer"):
        spec.setdefault("externalTrafficPolicy", "Cluster")
    elif not spec.get("externalIPs"):
        spec.pop("externalTrafficPolicy", None)
    if spec["type"] == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
    else:
        spec.pop("allocateLoadBalancerNodePorts", None)


def validate(service: Object) -> list[FieldError]:
    """Checks ports, selector and type."""
    spec = service["spec"]
    ports = spec.get("ports", [])
    errors: list[FieldError] = validate_labels(spec.get("selector", {}), "spec.selector")
    if spec["type"] == "ExternalName":
        if not spec.get("externalName"):
            errors.append(required("spec.externalName"))
        elif problem := subdomain_problem(spec["externalName"].lower()):
            errors.append(invalid("spec.externalName", spec["externalName"], problem))
    elif not ports and spec.get("clusterIP") != "None":
        errors.append(required("spec.ports"))
    if spec["type"] in ("NodePort", "LoadBalancer") and spec.get("clusterIP") == "None":
        errors.append(invalid("spec.clusterIPs[0]", "None", f"may not be set to 'None' for {spec['type']} services"))
    names: set[str] = set()
    taken: set[tuple[object, object]] = set()
    for index, port in enumerate(ports):
        path = f"spec.ports[{index}]"
        errors += _validate_port(port, path, len(ports) > 1)
        if port.get("name"):
            if port["name"] in names:
                errors.append(duplicate(f"{path}.name", port["name"]))
            names.add(port["name"])
        key = (port.get("port"), port["protocol"])
        if key in taken:
            errors.append(duplicate(path, {"port": port.get("port"), "protocol": port["protocol"]}))
        taken.add(key)
        if port.get("nodePort") and spec["type"] == "ClusterIP":
            errors.append(forbidden_field(f"{path}.nodePort", "may not be used when `type` is 'ClusterIP'"))
    return errors


def _validate_port(port: Object, path: str, named: bool) -> list[FieldError]:
    errors = []
    if not port.get("name"):
        if named:
            errors.append(required(f"{path}.name"))
    elif problem := label_problem(port["name"]):
        errors.append(invalid(f"{path}.name", port["name"], problem))
    if problem := port_number_problem(port.get("port", 0)):
        errors.append(invalid(f"{path}.port", port.get("port", 0), problem))
    target = port["targetPort"]
    problem = port_number_problem(target) if isinstance(target, int) else port_name_problem(target)
    if problem:
        errors.append(invalid(f"{path}.targetPort", target, problem))
    return errors


def validate_change(new: Object, old: Object) -> list[FieldError]:
    """Refuses another address."""
    given, before = new["spec"], old["spec"]
    if "ExternalName" in (given["type"], before["type"]) or given.get("clusterIP") == before.get("clusterIP"):
        return []
    return [invalid("spec.clusterIPs[0]", [given.get("clusterIP", "")], "may not change once set")]


def _external(service: Object) -> str:
    spec = service["spec"]
    found = [
        item.get("ip") or item.get("hostname", "") for item in service["status"]["loadBalancer"].get("ingress", [])
    ]
    found += spec.get("externalIPs", [])
    if spec["type"] == "ExternalName":
        return str(spec.get("externalName", ""))
    if spec["type"] == "LoadBalancer" and not found:
        return "<pending>"
    return ",".join(found) or "<none>"


def _ports(service: Object) -> str:
    shown = [
        f"{port['port']}:{port['nodePort']}/{port['protocol']}"
        if port.get("nodePort")
        else f"{port['port']}/{port['protocol']}"
        for port in service["spec"].get("ports", [])
    ]
    return ",".join(shown) or "<none>"


KIND = Kind(
    group="",
    name="Service",
    plural="services",
    singular="service",
    short_names=("svc",),
    categories=("all",),
    package="io.k8s.api.core.v1",
    columns=(
        NAME,
        Column("Type", lambda given: given["spec"]["type"]),
        Column("Cluster-IP", lambda given: given["spec"].get("clusterIP") or "<none>"),
        Column("External-IP", _external),
        Column("Port(s)", _ports),
        AGE,
        Column("Selector", lambda given: map_text(given["spec"].get("selector")), wide=True),
    ),
    subresources=("status",),
    default=default,
    validate=validate,
    validate_change=validate_change,
    name_rule="RFC 1035 label",
    selectable={
        "spec.clusterIP": lambda given: given["spec"].get("clusterIP", ""),
        "spec.type": lambda given: given["spec"]["type"],
    },
)
