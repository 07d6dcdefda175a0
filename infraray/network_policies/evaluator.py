"""The evaluator: who may connect to whom, by the documented semantics of NetworkPolicies.

Source: the reference of networking.k8s.io/v1 and the concept page "Network Policies" of the Kubernetes documentation. A
pod that no policy selects for a direction is open in it; one that is selected may do what any of the selecting
policies permits. A connection needs its source's egress and its destination's ingress. Answers are always permitted. A
pod always reaches itself, and its node always reaches it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from infraray.errors import InfrarayError
from infraray.network_policies.pods import Namespace, Pod, Protocol
from infraray.network_policies.policies import Direction, NetworkPolicy, Peer
from infraray.network_policies.reading import Manifest

End = Pod | str
"""A pod, or the address of something that is none, such as a node or a machine outside."""

WORKLOADS = ("Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job")
"""Kinds that stand for a pod: themselves, or one by their template."""


class PolicyEvaluator:
    """The connections that policies permit between pods.

    Args:
        pods: the pods.
        namespaces: their namespaces; one that is not given has no label but its name's.
        policies: the policies.
    """

    def __init__(self, pods: Iterable[Pod], namespaces: Iterable[Namespace], policies: Iterable[NetworkPolicy]) -> None:
        self.pods = {pod.key: pod for pod in pods}
        self.namespaces = {namespace.name: namespace for namespace in namespaces}
        for namespace, _ in self.pods:
            self.namespaces.setdefault(namespace, Namespace.named(namespace))
        self.policies = tuple(policies)
        self._selecting: dict[tuple[str, str, Direction], tuple[NetworkPolicy, ...]] = {}

    @classmethod
    def of(cls, manifests: Iterable[Manifest]) -> PolicyEvaluator:
        """The evaluator of manifests; kinds that policies do not look at are passed over.

        Raises:
            InfrarayError: a manifest is wrong; the text names the field.
        """
        by_kind: dict[str, list[Manifest]] = {}
        for manifest in flattened(manifests):
            by_kind.setdefault(str(manifest.get("kind")), []).append(manifest)
        return cls(
            [Pod.of(manifest) for kind in WORKLOADS for manifest in by_kind.get(kind, ())],
            [Namespace.of(manifest) for manifest in by_kind.get("Namespace", ())],
            [NetworkPolicy.of(manifest) for manifest in by_kind.get("NetworkPolicy", ())],
        )

    def may(self, source: End, destination: End, protocol: Protocol, port: int) -> bool:
        """Whether a connection is permitted.

        Args:
            source: who opens it.
            destination: who is to accept it; a pod's own address, not that of a service in front of it.
            protocol: TCP, UDP or SCTP.
            port: the destination's port.
        """
        if isinstance(source, Pod) and isinstance(destination, Pod) and source.key == destination.key:
            return True
        return self._permits("Egress", source, destination, protocol, port) and self._permits(
            "Ingress", destination, source, protocol, port
        )

    def isolating(self, pod: Pod, direction: Direction) -> tuple[NetworkPolicy, ...]:
        """The policies that isolate a pod in a direction."""
        key = (*pod.key, direction)
        if key not in self._selecting:
            self._selecting[key] = tuple(
                policy for policy in self.policies if direction in policy.directions and policy.selects(pod)
            )
        return self._selecting[key]

    def _permits(self, direction: Direction, subject: End, other: End, protocol: Protocol, port: int) -> bool:
        """Whether the policies of ``subject`` permit the connection with ``other``."""
        if not isinstance(subject, Pod):
            return True
        policies = self.isolating(subject, direction)
        if not policies or self.is_node_of(subject, other):
            return True
        destination = subject if direction == "Ingress" else other
        target = destination if isinstance(destination, Pod) else None
        return any(
            (not rule.ports or any(one.includes(protocol, port, target) for one in rule.ports))
            and (not rule.peers or any(self.includes(peer, other, policy.namespace) for peer in rule.peers))
            for policy in policies
            for rule in policy.rules(direction)
        )

    def includes(self, peer: Peer, end: End, policy_namespace: str) -> bool:
        """Whether a peer of a policy in a namespace means an end."""
        if isinstance(end, Pod):
            return peer.includes(end, self.namespaces[end.namespace], policy_namespace)
        return peer.block is not None and peer.block.contains(end)

    @staticmethod
    def is_node_of(pod: Pod, other: End) -> bool:
        """Whether ``other`` is the pod's own node, which policies never keep from it."""
        if isinstance(other, Pod):
            return other.host_network and bool({*other.addresses} & {*pod.host_addresses})
        return other in pod.host_addresses


def flattened(manifests: Iterable[Manifest]) -> Sequence[Manifest]:
    """Manifests with the items of lists in place of the lists.

    Raises:
        InfrarayError: one is no mapping.
    """
    found: list[Manifest] = []
    for manifest in manifests:
        if not isinstance(manifest, Mapping):
            raise InfrarayError(f"manifest={manifest!r}: must be a mapping with a kind")
        found += flattened(manifest["items"]) if isinstance(manifest.get("items"), list) else [manifest]
    return found
