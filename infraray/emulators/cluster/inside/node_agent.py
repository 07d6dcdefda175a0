"""The node agent: assigns pods to the only node, runs them there, and reports how they are.

A pod is a network namespace that listens on the ports that its containers declare.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from infraray.emulators.inside.namespaces import NetworkNamespace

from .agent import Agent
from .api_client import NODES, PODS, Address, ApiError, Kind, Object
from .listeners import Container, Listeners, Port
from .pod_networks import NODE_ADDRESS, PodNetwork, PodNetworks

NAME = "node-agent"
NODE = "node"
KUBELET_PORT = 10250

SPARE_NETWORKS = 4
"""Pod networks kept ready for pods that come back."""

RESOURCES = {"cpu": "8", "memory": "32Gi", "pods": "250", "ephemeral-storage": "100Gi"}


@dataclass
class RunningPod:
    """A pod that runs here.

    Args:
        uid: which pod it is.
        network: its network.
        containers: its containers, by name.
        images: the image with which each was started.
        restarts: how often each was restarted.
    """

    uid: str
    network: PodNetwork
    containers: dict[str, Container]
    images: dict[str, str]
    restarts: dict[str, int] = field(default_factory=dict)


class NodeAgent(Agent):
    """The agent. Make it in a thread that is in the node's network.

    Args:
        address: the API server's.
        networks: where pods get their networks.
        listeners: where containers listen.
        home: the node's network.
    """

    def __init__(self, address: Address, networks: PodNetworks, listeners: Listeners, home: NetworkNamespace) -> None:
        super().__init__(NAME, address, (PODS,))
        self._networks = networks
        self._listeners = listeners
        self._home = home
        self.running: dict[str, RunningPod] = {}
        """By ``namespace/name``; replaced as a whole, so that other threads may read it."""
        self._registered = False

    def reconcile(self, changed: dict[Kind, set[str]]) -> None:
        """Starts, ends and reports the pods that have changed."""
        if not self._registered:
            self._register()
        for key in changed[PODS]:
            namespace, _, name = key.partition("/")
            pod = self.named(PODS, namespace, name)
            running = self.running.get(key)
            if running is not None and (pod is None or pod["metadata"]["uid"] != running.uid):
                self._end(key)
            if pod is not None:
                self._look_after(key, pod)

    def keep_networks_ready(self) -> None:
        """Makes networks for pods to come."""
        self._networks.make_ahead(SPARE_NETWORKS)

    def _register(self) -> None:
        """Makes the node known, and says that it is ready."""
        labels = {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
        try:
            self.client.create(NODES, {"metadata": {"name": NODE, "labels": labels}})
        except ApiError as error:
            if error.code != 409:
                raise
        now = timestamp(time.time())
        condition = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "the node agent runs"}
        status = {
            "addresses": [{"type": "InternalIP", "address": NODE_ADDRESS}, {"type": "Hostname", "address": NODE}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": KUBELET_PORT}},
            "capacity": RESOURCES,
            "allocatable": RESOURCES,
            "conditions": [{**condition, "lastHeartbeatTime": now, "lastTransitionTime": now}],
            "nodeInfo": {
                "kubeletVersion": "v1.37.0",
                "kubeProxyVersion": "",
                "osImage": "infraray",
                "kernelVersion": platform.release(),
                "containerRuntimeVersion": "infraray://1",
                "operatingSystem": "linux",
                "architecture": "amd64",
                "machineID": "",
                "systemUUID": "",
                "bootID": "",
            },
        }
        self.client.patch(NODES, "", NODE, {"status": status}, "status")
        self._registered = True

    def _look_after(self, key: str, pod: Object) -> None:
        metadata, spec = pod["metadata"], pod["spec"]
        namespace, name, uid = metadata["namespace"], metadata["name"], metadata["uid"]
        try:
            if metadata.get("deletionTimestamp"):
                if spec.get("nodeName") in (NODE, None, ""):
                    self._end(key)
                    self.delete(PODS, namespace, name, uid, grace_s=0)
            elif not spec.get("nodeName"):
                self._bind(namespace, name)
            elif spec["nodeName"] == NODE and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed"):
                self._run(key, pod)
        except ApiError as error:
            if error.code not in (404, 409):  # it has gone, or another version is on its way here
                raise

    def _bind(self, namespace: str, name: str) -> None:
        """Assigns a pod to the node, as a scheduler does."""
        target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
        metadata = {"name": name, "namespace": namespace}
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": metadata, "target": target}
        self.client.request("POST", PODS.url(namespace, name, "binding"), binding)

    def _run(self, key: str, pod: Object) -> None:
        """Starts a pod, or those of its containers that have changed, and reports."""
        spec = pod["spec"]
        if spec.get("hostNetwork"):
            status: Object = {
                "phase": "Failed",
                "reason": "HostNetwork",
                "message": "this node lends its network to no pod",
            }
            self._report(pod, status)
            return
        running = self.running.get(key)
        if running is None:
            network = self._networks.take()
            images = {container["name"]: container["image"] for container in spec["containers"]}
            containers = {one["name"]: self._start(key, one, network) for one in spec["containers"]}
            running = RunningPod(pod["metadata"]["uid"], network, containers, images)
            self.running = {**self.running, key: running}
        for container in spec["containers"]:
            name = container["name"]
            if running.images[name] != container["image"]:
                self._listeners.end(running.containers[name])
                running.containers[name] = self._start(key, container, running.network)
                running.images[name] = container["image"]
                running.restarts[name] = running.restarts.get(name, 0) + 1
        status = _status(pod, running)
        if _essence(status) != _essence(pod.get("status") or {}):  # also where somebody else has written it
            self._report(pod, status)

    def _start(self, key: str, container: Object, network: PodNetwork) -> Container:
        ports = [Port(one.get("protocol") or "TCP", one["containerPort"]) for one in container.get("ports") or ()]
        return self._listeners.run(key, container["name"], ports, network.namespace, self._home)

    def _report(self, pod: Object, status: Object) -> None:
        metadata = pod["metadata"]
        self.patch(PODS, metadata["namespace"], metadata["name"], {"status": status}, "status")

    def _end(self, key: str) -> None:
        """Ends a pod, if it runs."""
        running = self.running.get(key)
        if running is None:
            return
        self.running = {other: found for other, found in self.running.items() if other != key}
        for container in running.containers.values():
            self._listeners.end(container)
        self._networks.end(running.network)


def _status(pod: Object, running: RunningPod) -> Object:
    """What there is to report about a running pod."""
    metadata, spec = pod["metadata"], pod["spec"]
    statuses, ready = [], True
    for container in spec["containers"]:
        name = container["name"]
        found = running.containers[name]
        started = timestamp(found.started_at)
        state: dict[str, Any] = {"running": {"startedAt": started}}
        if found.error:
            state = {"waiting": {"reason": "CrashLoopBackOff", "message": found.error}}
        well = not found.error and _is_ready(container, found)
        ready = ready and well
        statuses.append(
            {
                "name": name,
                "image": container["image"],
                "imageID": container["image"],
                "containerID": f"infraray://{running.uid}/{name}/{running.restarts.get(name, 0)}",
                "ready": well,
                "started": not found.error,
                "restartCount": running.restarts.get(name, 0),
                "state": state,
                "lastState": {},
            }
        )
    began = timestamp(min(found.started_at for found in running.containers.values()))
    flags = {"PodScheduled": True, "Initialized": True, "ContainersReady": ready, "Ready": ready}
    conditions = []
    for kind, flag in flags.items():
        condition = {"type": kind, "status": str(flag), "lastProbeTime": None, "lastTransitionTime": began}
        if not flag:
            condition |= {"reason": "ContainersNotReady", "message": "a container does not answer as its probe asks"}
        conditions.append(condition)
    status: Object = {
        "phase": "Running",
        "conditions": conditions,
        "hostIP": NODE_ADDRESS,
        "hostIPs": [{"ip": NODE_ADDRESS}],
        "podIP": running.network.address,
        "podIPs": [{"ip": running.network.address}],
        "startTime": began,
        "containerStatuses": statuses,
        "observedGeneration": metadata.get("generation", 1),
    }
    if spec.get("initContainers"):
        status["initContainerStatuses"] = list(_completed(spec["initContainers"], began))
    return status


def _essence(status: Object) -> tuple[object, ...]:
    """What of a status must be as this agent says."""
    return (
        *(status.get(name) for name in ("phase", "podIP", "podIPs", "hostIP")),
        [(one["type"], one["status"]) for one in status.get("conditions") or ()],
        [
            (one["name"], one["image"], one["ready"], one["restartCount"], list(one.get("state") or ()))
            for one in status.get("containerStatuses") or ()
        ],
    )


def _completed(containers: list[Object], began: str) -> Iterator[Object]:
    """Statuses of containers that had nothing to do."""
    for container in containers:
        terminated = {"exitCode": 0, "reason": "Completed", "startedAt": began, "finishedAt": began}
        yield {
            "name": container["name"],
            "image": container["image"],
            "imageID": container["image"],
            "ready": True,
            "restartCount": 0,
            "state": {"terminated": terminated},
            "lastState": {},
        }


def _is_ready(container: Mapping[str, Any], found: Container) -> bool:
    """Whether a container listens where its readiness probe asks."""
    probe = container.get("readinessProbe") or {}
    asked = next((probe[kind] for kind in ("httpGet", "tcpSocket", "grpc") if kind in probe), None)
    if asked is None:
        return True
    port = asked.get("port")
    if isinstance(port, str) and not port.isdigit():
        named = (one["containerPort"] for one in container.get("ports") or () if one.get("name") == port)
        port = next(named, None)
    return port is not None and Port("TCP", int(port)) in found.ports


def timestamp(moment: float) -> str:
    """A time as the API writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
