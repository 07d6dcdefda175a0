"""An application: workloads, the services in front of them, and the intended connections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from infraray.network_policies import Pod
from infraray.network_policies.pods import ContainerPort, Protocol

Manifest = dict[str, Any]

IMAGE = "infraray/listener:1"
"""The emulated cluster runs no image: a pod listens on its containers' ports."""


@dataclass(frozen=True)
class Workload:
    """A deployment of one pod and, if it listens, the service in front of it.

    Args:
        name: the name of both, and the value of the pod's label ``app``.
        namespace: their namespace.
        port: the container's port; None if it does not listen.
        service_port: the service's port.
        protocol: the protocol of both.
        port_name: the name of both.
        container: the container's name.
    """

    name: str
    namespace: str
    port: int | None = None
    service_port: int = 0
    protocol: Protocol = "TCP"
    port_name: str = "grpc"
    container: str = field(default="server", compare=False)

    @property
    def labels(self) -> dict[str, str]:
        """The pod's labels."""
        return {"app": self.name}

    @property
    def place(self) -> str:
        """Where others find it, such as ``cartservice:7070``."""
        return f"{self.name}:{self.service_port}"

    def manifests(self) -> Iterator[Manifest]:
        """The deployment, and the service if there is one."""
        metadata = {"name": self.name, "namespace": self.namespace, "labels": self.labels}
        container: Manifest = {"name": self.container, "image": IMAGE}
        if self.port is not None:
            container["ports"] = [{"containerPort": self.port, "name": self.port_name, "protocol": self.protocol}]
            if self.protocol == "TCP":
                container["readinessProbe"] = {"tcpSocket": {"port": self.port}}
        yield {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": self.labels},
                "template": {"metadata": {"labels": self.labels}, "spec": {"containers": [container]}},
            },
        }
        if self.port is not None:
            port = {
                "name": self.port_name,
                "port": self.service_port,
                "targetPort": self.port,
                "protocol": self.protocol,
            }
            yield {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": metadata,
                "spec": {"type": "ClusterIP", "selector": self.labels, "ports": [port]},
            }

    def pod(self, address: str = "") -> Pod:
        """Its pod as policies see it."""
        ports = () if self.port is None else (ContainerPort(self.port, self.protocol, self.port_name),)
        return Pod(self.name, self.namespace, self.labels, ports, (address,) if address else ())


@dataclass(frozen=True)
class Application:
    """What runs, and who may connect to whom.

    Args:
        workloads: everything that runs.
        flows: the intended connections, as names of workloads: source and target.
        entries: workloads that everybody may connect to, also from outside the application.
        confined: workloads that may send to their targets only.
        visitor: the workload outside the application, from whose namespace no other connection is intended.
    """

    workloads: tuple[Workload, ...]
    flows: frozenset[tuple[str, str]]
    entries: frozenset[str]
    visitor: str
    confined: frozenset[str] = frozenset()

    @cached_property
    def by_name(self) -> Mapping[str, Workload]:
        """The workloads by name, which are different in all namespaces."""
        return {workload.name: workload for workload in self.workloads}

    @property
    def members(self) -> tuple[Workload, ...]:
        """The workloads without the visitor."""
        return tuple(workload for workload in self.workloads if workload.name != self.visitor)

    @property
    def targets(self) -> tuple[Workload, ...]:
        """The workloads that listen."""
        return tuple(workload for workload in self.workloads if workload.port is not None)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces of the members."""
        return tuple(dict.fromkeys(workload.namespace for workload in self.members))

    @property
    def attempts(self) -> tuple[tuple[Workload, Workload], ...]:
        """The connections that are attempted: from everywhere to every service but one's own."""
        return tuple((one, other) for one in self.workloads for other in self.targets if one != other)

    def sources_of(self, target: str) -> tuple[str, ...]:
        """The names of those that may connect to a target."""
        return tuple(workload.name for workload in self.workloads if (workload.name, target) in self.flows)

    def targets_of(self, source: str) -> tuple[str, ...]:
        """The names of those that a source may connect to."""
        return tuple(workload.name for workload in self.targets if (source, workload.name) in self.flows)

    def manifests(self) -> list[Manifest]:
        """The namespaces, deployments and services."""
        names = dict.fromkeys(workload.namespace for workload in self.workloads)
        found: list[Manifest] = [
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in names
        ]
        return found + [manifest for workload in self.workloads for manifest in workload.manifests()]
