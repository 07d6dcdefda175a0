"""Lists the ready pods of each service: endpoint slices, and endpoints for clients that read those."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

from ..agent import Agent
from ..api_client import ENDPOINT_SLICES, ENDPOINTS, PODS, SERVICES, ApiError, Kind, Object
from ..service_proxy import SERVICE_NAME
from .ownership import is_ready, owner_reference

MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
NAME = "endpointslice-controller.k8s.io"
SKIPPED = "endpointslice.kubernetes.io/skip-mirror"


class ResolvedPort(NamedTuple):
    """A service's port as some pods have it."""

    name: str
    protocol: str
    number: int


class EndpointsController:
    """The controller.

    Args:
        agent: what watches and writes.
    """

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def reconcile(self) -> None:
        """Writes what has changed, and deletes the slices that nobody needs."""
        pods: dict[str, list[Object]] = defaultdict(list)
        for pod in self._agent.all(PODS):
            pods[pod["metadata"]["namespace"]].append(pod)
        slices: dict[str, dict[str, Object]] = defaultdict(dict)
        for found in self._agent.all(ENDPOINT_SLICES):
            labels = found["metadata"].get("labels") or {}
            if labels.get(MANAGED_BY) == NAME:
                of = f"{found['metadata']['namespace']}/{labels.get(SERVICE_NAME)}"
                slices[of][found["metadata"]["name"]] = found
        for service in list(self._agent.all(SERVICES)):
            if service["spec"].get("selector") and not service["metadata"].get("deletionTimestamp"):
                metadata = service["metadata"]
                known = slices[f"{metadata['namespace']}/{metadata['name']}"]
                self._look_after(service, pods[metadata["namespace"]], known)

    def _look_after(self, service: Object, pods: list[Object], known: dict[str, Object]) -> None:
        metadata, selector = service["metadata"], service["spec"]["selector"]
        groups: dict[tuple[ResolvedPort, ...], list[Object]] = defaultdict(list)
        for pod in pods:
            labels, status = pod["metadata"].get("labels") or {}, pod.get("status") or {}
            selected = all(labels.get(name) == value for name, value in selector.items())
            if not selected or not status.get("podIP") or pod["metadata"].get("deletionTimestamp"):
                continue
            if status.get("phase") not in ("Succeeded", "Failed"):
                groups[_resolved(service, pod)].append(pod)
        wanted = [self._slice(service, ports, groups[ports]) for ports in sorted(groups)]
        wanted = wanted or [self._slice(service, (), [])]
        for number, content in enumerate(wanted):
            name = f"{metadata['name']}-{number}"
            self._write(ENDPOINT_SLICES, service, name, content, known.pop(name, None))
        for name, found in known.items():
            self._agent.delete(ENDPOINT_SLICES, metadata["namespace"], name, found["metadata"]["uid"])
        before = self._agent.named(ENDPOINTS, metadata["namespace"], metadata["name"])
        subsets = [_subset(ports, groups[ports]) for ports in sorted(groups)]
        labels = {**(metadata.get("labels") or {}), SKIPPED: "true"}
        content = {"metadata": {"labels": labels}, "subsets": [found for found in subsets if found]}
        self._write(ENDPOINTS, service, metadata["name"], content, before)

    def _slice(self, service: Object, ports: tuple[ResolvedPort, ...], pods: list[Object]) -> dict[str, Any]:
        labels = {SERVICE_NAME: service["metadata"]["name"], MANAGED_BY: NAME}
        return {
            "metadata": {"labels": labels},
            "addressType": "IPv4",
            "ports": [{"name": port.name, "protocol": port.protocol, "port": port.number} for port in ports],
            "endpoints": [_endpoint(pod) for pod in sorted(pods, key=lambda pod: str(pod["metadata"]["name"]))],
        }

    def _write(self, kind: Kind, service: Object, name: str, content: dict[str, Any], before: Object | None) -> None:
        namespace = service["metadata"]["namespace"]
        if before is None:
            owner = owner_reference(SERVICES, service)
            metadata = {"name": name, "namespace": namespace, "ownerReferences": [owner], **content["metadata"]}
            try:
                self._agent.create(kind, {**content, "metadata": metadata})
            except ApiError as error:
                if error.code != 409:
                    raise
        elif any((before.get(part) or []) != (content[part] or []) for part in content if part != "metadata"):
            self._agent.patch(kind, namespace, name, content)


def _resolved(service: Object, pod: Object) -> tuple[ResolvedPort, ...]:
    """A service's ports as numbers of a pod; one that the pod does not name is left out."""
    found = []
    for port in service["spec"].get("ports") or ():
        protocol = port.get("protocol") or "TCP"
        target = port.get("targetPort") or port["port"]
        if isinstance(target, str):
            numbers = [
                one["containerPort"]
                for container in pod["spec"]["containers"]
                for one in container.get("ports") or ()
                if one.get("name") == target and (one.get("protocol") or "TCP") == protocol
            ]
            if not numbers:
                continue
            target = numbers[0]
        found.append(ResolvedPort(port.get("name") or "", protocol, target))
    return tuple(found)


def _endpoint(pod: Object) -> dict[str, Any]:
    ready = is_ready(pod)
    return {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": ready, "serving": ready, "terminating": False},
        "nodeName": pod["spec"].get("nodeName"),
        "targetRef": _reference(pod),
    }


def _reference(pod: Object) -> dict[str, str]:
    metadata = pod["metadata"]
    return {"kind": "Pod", "name": metadata["name"], "namespace": metadata["namespace"], "uid": metadata["uid"]}


def _subset(ports: tuple[ResolvedPort, ...], pods: list[Object]) -> dict[str, Any]:
    """The same pods as a part of endpoints."""
    by_readiness: dict[bool, list[dict[str, Any]]] = {True: [], False: []}
    for pod in sorted(pods, key=lambda pod: str(pod["metadata"]["name"])):
        address = {"ip": pod["status"]["podIP"], "nodeName": pod["spec"].get("nodeName"), "targetRef": _reference(pod)}
        by_readiness[is_ready(pod)].append(address)
    found: dict[str, Any] = {}
    if by_readiness[True]:
        found["addresses"] = by_readiness[True]
    if by_readiness[False]:
        found["notReadyAddresses"] = by_readiness[False]
    listed = [
        {**({"name": port.name} if port.name else {}), "port": port.number, "protocol": port.protocol} for port in ports
    ]
    return {**found, "ports": listed} if listed else found
