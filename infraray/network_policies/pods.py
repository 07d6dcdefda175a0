"""Pods and namespaces, as far as NetworkPolicies look at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from infraray.network_policies.reading import Field, Manifest, read

Protocol = Literal["TCP", "UDP", "SCTP"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)

NAME_LABEL = "kubernetes.io/metadata.name"
"""The label that the API server gives each namespace: its name."""

DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True)
class ContainerPort:
    """A port that a container declares. An undeclared port may be open too; only names need a declaration.

    Args:
        number: the port.
        protocol: its protocol.
        name: its name, "" for none.
    """

    number: int
    protocol: Protocol = "TCP"
    name: str = ""


@dataclass(frozen=True)
class Namespace:
    """A namespace.

    Args:
        name: its name.
        labels: its labels, including that of its name.
    """

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def named(cls, name: str, labels: Mapping[str, str] | None = None) -> Namespace:
        """A namespace with the label that the API server adds."""
        return cls(name, {**(labels or {}), NAME_LABEL: name})

    @classmethod
    def of(cls, manifest: Manifest) -> Namespace:
        """Reads a manifest of kind Namespace."""
        metadata = read(manifest)["metadata"]
        return cls.named(metadata["name"].text(), metadata["labels"].mapping())


@dataclass(frozen=True)
class Pod:
    """A pod.

    Args:
        name: its name.
        namespace: its namespace.
        labels: its labels.
        ports: what its containers declare.
        addresses: its IP addresses; empty while it has none.
        host_addresses: those of its node, from which it can always be reached.
        host_network: whether it has its node's network instead of its own; policies neither select nor isolate it.
    """

    name: str
    namespace: str = DEFAULT_NAMESPACE
    labels: Mapping[str, str] = field(default_factory=dict)
    ports: tuple[ContainerPort, ...] = ()
    addresses: tuple[str, ...] = ()
    host_addresses: tuple[str, ...] = ()
    host_network: bool = False

    @classmethod
    def of(cls, manifest: Manifest) -> Pod:
        """Reads a manifest of kind Pod, or of a workload with a pod template, such as a Deployment.

        Raises:
            InfrarayError: a field is wrong.
        """
        root = read(manifest)
        template = root["spec"]["template"]
        pod = root if template.is_absent else template
        status = pod["status"]
        addresses = [entry["ip"].text() for entry in status["podIPs"].entries()] or [status["podIP"].text("")]
        hosts = [entry["ip"].text() for entry in status["hostIPs"].entries()] or [status["hostIP"].text("")]
        containers = [*pod["spec"]["containers"].entries()]
        # A sidecar is an init container that keeps running.
        containers += [
            found for found in pod["spec"]["initContainers"].entries() if not found["restartPolicy"].is_absent
        ]
        return cls(
            root["metadata"]["name"].text(),
            root["metadata"]["namespace"].text(DEFAULT_NAMESPACE),
            pod["metadata"]["labels"].mapping(),
            tuple(_port(entry) for container in containers for entry in container["ports"].entries()),
            tuple(filter(None, addresses)),
            tuple(filter(None, hosts)),
            pod["spec"]["hostNetwork"].value is True,
        )

    @property
    def key(self) -> tuple[str, str]:
        """The namespace and the name."""
        return self.namespace, self.name

    def numbers(self, name: str, protocol: Protocol) -> set[int]:
        """The ports that it calls by a name, for a protocol."""
        return {port.number for port in self.ports if port.name == name and port.protocol == protocol}


def protocol_of(found: Field) -> Protocol:
    """A protocol; TCP if absent.

    Raises:
        InfrarayError: there is no such protocol.
    """
    name = found.text("TCP")
    if name not in PROTOCOLS:
        raise found.fail(f"must be one of {', '.join(PROTOCOLS)}")
    return name


def port_number(found: Field) -> int:
    """A port's number.

    Raises:
        InfrarayError: it is none.
    """
    if isinstance(found.value, bool) or not isinstance(found.value, int) or not 1 <= found.value <= 65535:
        raise found.fail("must be a whole number from 1 to 65535")
    return found.value


def _port(found: Field) -> ContainerPort:
    return ContainerPort(port_number(found["containerPort"]), protocol_of(found["protocol"]), found["name"].text(""))
