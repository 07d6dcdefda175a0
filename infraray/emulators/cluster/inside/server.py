"""A cluster's first process: starts the API server, the controllers and the agents, and answers its parent's requests.

The API server is a process of its own, and everything else knows it by its address alone.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infraray.emulators.cluster.api_server import command as api_server
from infraray.emulators.cluster.api_server.kubeconfig import kubeconfig
from infraray.emulators.inside.init import Server
from infraray.emulators.inside.namespaces import PR_SET_PDEATHSIG, NetworkNamespace, prctl
from infraray.errors import InfrarayError
from infraray.isolation import Equipment, Limits, Sandbox
from infraray.isolation.memory_group import received

from . import nftables
from .agent import Agent
from .api_client import (
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    KINDS,
    NAMESPACES,
    NETWORK_POLICIES,
    PODS,
    SERVICES,
    Address,
    ApiClient,
    ApiError,
    Kind,
    Object,
    key,
)
from .controllers.garbage_collection import GarbageCollector
from .controllers.manager import ControllerManager
from .controllers.namespaces import NamespaceController
from .kube_api_server import KubeApiServer
from .kubelet import Kubelet
from .links import LOOPBACK, Links, prepare
from .listeners import Listeners
from .node_agent import NodeAgent
from .owners import deployments_of
from .pod_networks import NODE_ADDRESS, PodNetworks, make_network
from .policy_agent import PolicyAgent
from .prober import Attempt, Prober
from .service_proxy import ServiceProxy
from .source import Source

# These import what will be needed when an interpreter in root's home is no longer readable.
time.strptime("0", "%S")
"localhost".encode("idna")

API_PORT = 6443
START_S = 20.0
"""Time in which the API server must be ready."""

SETTLE_STEP_S = 0.02
"""Time after which the newest versions are asked for again, at first."""

SETTLE_SHARE = 0.1
"""The same later, as a share of the time that has passed: asking must not be what keeps a busy computer busy."""

WORKPLACE_ADDRESS = "10.200.0.2"
WORKPLACE_INDEX = 100

INPUT = f"""
table ip node {{
    chain received {{
        type filter hook prerouting priority raw; policy accept;
        iifname {{ "lo", "workplace" }} notrack
    }}
    chain sent {{
        type filter hook output priority raw; policy accept;
        oifname {{ "lo", "workplace" }} notrack
    }}
    chain input {{
        type filter hook input priority filter; policy drop;
        iifname "lo" accept
        ct state established,related accept
        iifname "workplace" ip daddr {NODE_ADDRESS} tcp dport {API_PORT} accept
    }}
    chain forward {{
        type filter hook forward priority filter - 1; policy accept;
        iifname "workplace" drop
        oifname "workplace" drop
    }}
}}
"""
"""The agent's commands reach the API server and nothing else; pods reach nothing of the node. Only what passes between
pods is tracked, so that there is mostly nothing to forget when their rules change (see `conntrack`)."""

KUBECONFIG = "/tmp/.kube/config"


class ClusterServer(Server):
    """The first process of a cluster; see `Server`."""

    def __init__(self, stream: socket.socket) -> None:
        super().__init__(stream)
        answers = (
            self.prepare,
            self.apply,
            self.delete,
            self.request,
            self.settle,
            self.matrix,
            self.run,
            self.changes,
        )
        self.answers = {"build": self.build} | {answer.__name__: _or_end(answer) for answer in answers}

    def build(self, kubectl: str, api_server: str = "", etcd: str = "") -> None:
        """Starts everything.

        Args:
            kubectl: the path of kubectl.
            api_server: the path of kube-apiserver; empty for infraray's own API server.
            etcd: the path of etcd, for the former.
        """
        self.home = NetworkNamespace.current()
        prepare(is_node=True)
        links = Links()
        links.add_address(LOOPBACK, NODE_ADDRESS)
        self.rules = nftables.Nftables()
        self.rules.commit(INPUT)
        self.workplace = make_network(self.home, links, WORKPLACE_ADDRESS, "workplace", WORKPLACE_INDEX)
        certificate = None
        more: tuple[Agent, ...] = ()
        if api_server:
            kubernetes = KubeApiServer(api_server, etcd, NODE_ADDRESS, API_PORT)
            self.address, certificate = kubernetes.address, (kubernetes.certificate, kubernetes.key)
            more = GarbageCollector(self.address), NamespaceController(self.address)
        else:
            self.address = start_api_server()
        self.client = ApiClient(self.address, "infraray")
        self.networks = PodNetworks(self.home)
        self.listeners = Listeners()
        self.node = NodeAgent(self.address, self.networks, self.listeners, self.home)
        self.proxy = ServiceProxy(self.address)
        self.policies = PolicyAgent(self.address)
        controllers = ControllerManager(self.address)
        self.agents: tuple[Agent, ...] = (controllers, self.node, self.proxy, self.policies, *more)
        self.witnesses = {
            self.policies: (NAMESPACES, PODS, NETWORK_POLICIES),
            controllers: (DEPLOYMENTS, SERVICES, ENDPOINT_SLICES),
        }
        self.prober = Prober(self.listeners, self.home)
        self.listeners.start()
        self.kubelet = Kubelet(self.node, self.proxy.names, self.home, certificate)
        self.kubelet.start()
        for agent in self.agents:
            agent.start()
        config = kubeconfig(self.address.url, self.address.token, self.address.authority, name="cluster")
        self.equipment = Equipment((Path(kubectl),) if kubectl else (), {KUBECONFIG: json.dumps(config).encode()})

    def prepare(self, pods: int) -> None:
        """Makes networks for so many pods ahead."""
        self.networks.make_ahead(pods)

    def idle(self) -> None:
        """Replaces the pod networks that were taken."""
        if hasattr(self, "node"):
            self.node.keep_networks_ready()

    def apply(self, manifests: list[Object]) -> None:
        """Creates or replaces objects, in order.

        Raises:
            InfrarayError: one is refused.
        """
        for manifest in manifests:
            kind, namespace, name = _named(manifest)
            query = "?fieldManager=infraray&force=true"
            path = f"{kind.url(namespace, name)}{query}"
            try:
                self.client.request("PATCH", path, manifest, "application/apply-patch+yaml")
            except ApiError as error:
                raise InfrarayError(f"{kind.name} {namespace}/{name}: {error}") from None

    def delete(self, manifests: list[Object]) -> None:
        """Deletes objects, if they are there."""
        for manifest in manifests:
            kind, namespace, name = _named(manifest)
            self.client.delete(kind, namespace, name)

    def request(self, method: str, path: str, body: Object | None, content_type: str) -> Object:
        """Passes a request on to the API server.

        Raises:
            InfrarayError: it is refused.
        """
        try:
            return self.client.request(method, path, body, content_type)
        except ApiError as error:
            raise InfrarayError(f"{method} {path}: {error}") from None

    def settle(self, seconds: float) -> None:
        """Waits until all controllers and agents have seen the newest version of everything and have nothing to do.

        Raises:
            InfrarayError: they do not come to rest in time.
        """
        began = time.monotonic()
        kinds = list(dict.fromkeys(kind for agent in self.agents for kind in agent.kinds))
        while True:
            before, versions = self._versions(kinds)
            step_s = max(SETTLE_STEP_S, SETTLE_SHARE * (time.monotonic() - began))
            if all(agent.has_seen(versions, step_s) for agent in self.agents):
                if before == self._versions(kinds[:1])[0]:
                    return
            if time.monotonic() - began > seconds:
                raise InfrarayError(f"the cluster does not come to rest in {seconds:g} s")

    def matrix(self, probes: list[list[Any]]) -> list[list[str]]:
        """What becomes of attempts to connect: see `infraray.emulators.cluster.cluster`."""
        running, names = self.node.running, self.proxy.names()
        sources = _Sources(self.client)
        attempts = []
        for namespace, source, host, port, protocol in probes:
            attempts.append(Attempt(sources.find(namespace, source, running), host, port, protocol))
        self.prober.measure([attempt for attempt in attempts if attempt.source], running, names)
        return [[one.found if one.source else "no source", one.source, one.answered] for one in attempts]

    def run(self, script: str, limits: dict[str, Any]) -> dict[str, Any]:
        """Runs an untrusted command where it reaches the API server alone."""
        self.changes()
        with received(self.frames.take_files()) as group:
            try:
                with self.workplace.namespace.entered(self.home):
                    return asdict(Sandbox(Limits(**limits), "reach", group, self.equipment).run(script))
            finally:
                self.kubelet.wait_for_commands()  # what was begun in a pod must not stand in a container's place later

    def changes(self) -> list[tuple[str, str, str, Object | None]]:
        """What became of objects since this was last asked: see `Change`."""
        changes = []
        for agent, kinds in self.witnesses.items():
            for kind, place, found in agent.record():
                namespace, _, name = place.partition("/")
                if kind in kinds:
                    changes.append((kind.name, namespace, name, found))
        return changes

    def _versions(self, kinds: list[Kind]) -> tuple[str, dict[Kind, dict[str, str]]]:
        """The API server's version, and the version of each object by kind and key.

        They are of one moment if the version is the same afterwards.
        """
        first = ""
        versions: dict[Kind, dict[str, str]] = {}
        for kind in kinds:
            answer = self.client.list(kind)
            first = first or answer["metadata"]["resourceVersion"]
            versions[kind] = {key(item): item["metadata"]["resourceVersion"] for item in answer["items"]}
        return first, versions


class _Sources:
    """Finds the pods from which probes start; asks the API server at most once a namespace."""

    def __init__(self, client: ApiClient) -> None:
        self._client = client
        self._deployments: dict[str, dict[str, str]] = {}

    def find(self, namespace: str, source: str, running: Mapping[str, Any]) -> str:
        """``namespace/name`` of a running pod; empty if there is none.

        Args:
            namespace: its namespace.
            source: ``pod/NAME``, or ``deployment/NAME`` for one of its pods.
            running: the running pods by ``namespace/name``.
        """
        asked = Source.read(namespace, source)
        found = asked.place
        if asked.of_deployment:
            if namespace not in self._deployments:
                self._deployments[namespace] = self._of_deployments(namespace, running)
            found = self._deployments[namespace].get(asked.place, "")
        return found if found in running else ""

    def _of_deployments(self, namespace: str, running: Mapping[str, Any]) -> dict[str, str]:
        """The first running pod of each deployment, both by ``namespace/name``."""
        pods, replica_sets = (self._client.list(KINDS[name], namespace)["items"] for name in ("Pod", "ReplicaSet"))
        found: dict[str, str] = {}
        for pod, deployment in deployments_of(pods, replica_sets).items():
            if pod in running:
                found.setdefault(deployment, pod)
        return found


def start_api_server() -> Address:
    """Starts the API server in a process of its own; both end with each other.

    Raises:
        OSError: it does not start.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            os.dup2(writing, 1)
            sys.argv = ["api_server", "--listen", f"{NODE_ADDRESS}:{API_PORT}"]
            sys.stdout = os.fdopen(1, "w")
            api_server.main()
        finally:
            os._exit(1)
    os.close(writing)
    threading.Thread(target=_end_with, args=(os.pidfd_open(child),), name="API server", daemon=True).start()
    with os.fdopen(reading) as output:
        url = output.readline().strip()
    if not url:
        raise OSError("the API server does not start")
    return Address(url)


def _end_with(process: int) -> None:
    """Ends this process, and all in its namespaces, when another one has ended."""
    select.select([process], [], [])
    os._exit(1)


def _or_end(answer: Callable[..., Any]) -> Callable[..., Any]:
    """The same, but a failure of the system ends this process: the cluster is lost and must not be judged."""

    def answer_or_end(**request: Any) -> Any:
        try:
            return answer(**request)
        except OSError:
            os._exit(1)

    return answer_or_end


def _named(manifest: Object) -> tuple[Kind, str, str]:
    """Kind, namespace and name of a manifest.

    Raises:
        InfrarayError: it is of an unknown kind.
    """
    kind = KINDS.get(str(manifest.get("kind")))
    metadata = manifest.get("metadata") or {}
    if kind is None or "name" not in metadata:
        raise InfrarayError(f"kind={manifest.get('kind')!r}: give a manifest with a name, of {', '.join(KINDS)}")
    return kind, metadata.get("namespace", "default") if kind.namespaced else "", metadata["name"]


SERVER = ClusterServer
