"""A Kubernetes cluster in namespaces of its own; see `infraray.emulators.emulator`.

An API server, controllers, and one node whose pods are network namespaces: they listen for real on the ports of their
containers, services translate their addresses, and NetworkPolicies are enforced in the kernel. An agent's commands
reach the API server and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from infraray.emulators.cluster.inside.api_client import JSON
from infraray.emulators.cluster.requirements import etcd, kubectl, problem
from infraray.emulators.emulator import BUILD_S, Emulator
from infraray.emulators.fork_server import ForkServer
from infraray.errors import InfrarayError
from infraray.isolation import Finished, Limits

Manifest = Mapping[str, Any]

SETTLE_S = 20.0
"""Time in which a cluster must come to rest on a very busy computer."""

MATRIX_S = 60.0
"""Additional time for the largest matrix on a very busy computer."""

Protocol = Literal["TCP", "UDP", "SCTP"]
Reason = Literal["open", "blocked", "refused", "unreachable", "silent", "unknown host", "unsupported", "no source"]

fork_server = ForkServer("infraray.emulators.cluster.inside.server")


@dataclass(frozen=True)
class Probe:
    """An attempt to connect, from inside a pod.

    Args:
        source: who opens it, as kubectl exec says it: ``pod/NAME``, or ``deployment/NAME`` for the first of its pods.
        host: an address, or the name of a service as the source says it.
        port: the port.
        protocol: TCP, UDP or SCTP.
        namespace: the source's.
    """

    source: str
    host: str
    port: int
    protocol: Protocol = "TCP"
    namespace: str = "default"


@dataclass(frozen=True)
class Outcome:
    """What became of a probe.

    Args:
        connected: whether a container took the connection and answered.
        reason: ``open`` if so; ``blocked`` if packets were dropped; ``refused`` if nobody listens; ``unreachable`` if
            the service has no ready pod; ``silent`` if what listens does not answer as a container does;
            ``unknown host``; ``unsupported`` if the kernel lacks the protocol; ``no source`` if no such pod runs.
        source: ``namespace/name`` of the pod that opened it.
        answered: ``namespace/name`` of the pod that answered.
    """

    connected: bool
    reason: Reason
    source: str
    answered: str


@dataclass(frozen=True)
class Change:
    """A state that an object had, maybe for a moment.

    Args:
        kind: Namespace, Pod, Service, Deployment, EndpointSlice or NetworkPolicy.
        namespace: its namespace; empty where there is none.
        name: its name.
        manifest: the object; None if it was gone.
    """

    kind: str
    namespace: str
    name: str
    manifest: Manifest | None


class Cluster(Emulator):
    """A cluster that is live when the constructor returns, with the namespaces that every cluster has.

    Args:
        limits: the limits of each command.
        pods: pod networks to make ahead, which makes the first pods start faster.
        api_server: the path of a kube-apiserver, with etcd beside it or on the system's PATH; empty for infraray's own.

    Raises:
        InfrarayError: this machine cannot emulate clusters (see `infraray.emulators.cluster.requirements.problem`), or
            it took too long.
    """

    def __init__(self, limits: Limits | None = None, pods: int = 0, api_server: str = "") -> None:
        lacking = partial(problem, api_server)
        super().__init__(fork_server, "cluster", lacking, limits)
        with self._building():
            if api_server and (why := lacking()) is not None:
                raise InfrarayError(why)
            asked = {"do": "build", "kubectl": kubectl() or "", "api_server": api_server}
            self._ask({**asked, "etcd": etcd(api_server) or ""} if api_server else asked, BUILD_S)
            self._ask({"do": "prepare", "pods": pods}, BUILD_S)

    def apply(self, manifests: Sequence[Manifest]) -> None:
        """Creates objects, or makes them as their manifests say, in order.

        Raises:
            InfrarayError: one is refused, with the server's reason, or the cluster is lost.
        """
        self._ask({"do": "apply", "manifests": list(manifests)})

    def delete(self, manifests: Sequence[Manifest]) -> None:
        """Deletes objects, of which only kind, namespace and name are looked at, if they are there.

        Raises:
            InfrarayError: one is refused, with the server's reason, or the cluster is lost.
        """
        self._ask({"do": "delete", "manifests": list(manifests)})

    def request(self, method: str, path: str, body: Manifest | None = None, content_type: str = JSON) -> Any:
        """The API server's answer to a request.

        Raises:
            InfrarayError: it is refused, with the server's reason, or the cluster is lost.
        """
        return self._ask({"do": "request", "method": method, "path": path, "body": body, "content_type": content_type})

    def settle(self) -> None:
        """Waits until controllers and agents have carried out all that the API server holds.

        Raises:
            InfrarayError: they do not come to rest, or the cluster is lost.
        """
        self._ask({"do": "settle", "seconds": SETTLE_S}, SETTLE_S)

    def matrix(self, probes: Sequence[Probe]) -> list[Outcome]:
        """What becomes of attempts to connect, each from a random port; see `infraray.emulators.cluster.inside.prober`.

        Raises:
            InvalidAction: a source is written in another way.
            InfrarayError: the computer is too busy to tell, or the cluster is lost.
        """
        asked = [[one.namespace, one.source, one.host, one.port, one.protocol] for one in probes]
        answer = self._ask({"do": "matrix", "probes": asked}, MATRIX_S)
        return [Outcome(reason == "open", reason, source, answered) for reason, source, answered in answer]

    def changes(self) -> list[Change]:
        """Every state that objects had since the last `run` began, the first after it included; in order of each kind.

        Raises:
            InfrarayError: the cluster is lost.
        """
        return [Change(*change) for change in self._ask({"do": "changes"})]

    def run(self, script: str) -> Finished:
        """Runs an agent's script, with kubectl, isolated by `infraray.isolation`; it reaches the API server alone.

        Raises:
            InvalidAction: the text cannot be a script.
            InfrarayError: it cannot be isolated here and was not run, or the cluster is lost.
        """
        return Finished(**self._run({"do": "run", "script": script}))
