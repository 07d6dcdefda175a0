"""Random sets of policies, and changes to them, for comparing implementations."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from random import Random
from typing import Any

from infraray.network_policies.coverage import Kind, kinds_of
from infraray.network_policies.pods import PROTOCOLS
from infraray.network_policies.policies import DIRECTIONS

NAMESPACES = ("x", "y", "z")
LABELS = {"app": ("a", "b", "c"), "tier": ("front", "back"), "zone": ("east", "west")}
PORT_NAMES = ("web", "admin", "feed")
PORTS = (80, 81, 5353, 8080)
"""The ports that pods listen on, few enough for rules to hit them often."""

POD_NETWORK = "10.244.0.0/24"

Object = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """One change to a cluster.

    Args:
        action: one of the kinds of ``actions`` in `infraray.network_policies.coverage.KINDS`.
        manifest: the object as it is afterwards; of a deleted one, as it was.
    """

    action: str
    manifest: Object

    def apply(self, manifests: Sequence[Object]) -> list[Object]:
        """The manifests after the change."""
        others = [manifest for manifest in manifests if _key(manifest) != _key(self.manifest)]
        return others if self.action.startswith("delete") else [*others, self.manifest]


@dataclass(frozen=True)
class PolicyCase:
    """A cluster and what happens to it.

    Args:
        manifests: its namespaces, pods and policies.
        changes: the changes, one after the other.
    """

    manifests: tuple[Object, ...]
    changes: tuple[Change, ...]

    def states(self) -> list[list[Object]]:
        """The manifests at the beginning and after each change."""
        states = [[*self.manifests]]
        for change in self.changes:
            states.append(change.apply(states[-1]))
        return states

    def kinds(self) -> set[Kind]:
        """What the case tries."""
        found = {("actions", change.action) for change in self.changes}
        for state in self.states():
            found |= kinds_of(state)
        return found


def draw_case(
    random: Random, max_pods: int = 6, max_policies: int = 5, num_changes: int = 3, pod_network: str = POD_NETWORK
) -> PolicyCase:
    """Draws a case.

    Args:
        random: the source of chance.
        max_pods: most pods at the beginning; at least two.
        max_policies: most policies at the beginning.
        num_changes: changes that follow.
        pod_network: the network of the pods' addresses, which rules with addresses cut up.
    """
    draw = _Draw(random, pod_network)
    names = NAMESPACES[: random.randint(2, len(NAMESPACES))]
    manifests = [draw.namespace(name) for name in names]
    manifests += [draw.pod(random.choice(names)) for _ in range(random.randint(2, max_pods))]
    manifests += [draw.policy(random.choice(names)) for _ in range(random.randint(0, max_policies))]
    case = PolicyCase(tuple(manifests), ())
    for _ in range(num_changes):
        case = PolicyCase(case.manifests, (*case.changes, draw.change(case.states()[-1])))
    return case


class _Draw:
    """Draws objects whose names are all different."""

    def __init__(self, random: Random, pod_network: str) -> None:
        self.random = random
        self.network = ip_network(pod_network)
        self.count = 0

    def namespace(self, name: str) -> Object:
        return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": self.labels()}}

    def pod(self, namespace: str) -> Object:
        ports: list[Object] = []
        for number in self.random.sample(PORTS, self.random.randint(1, len(PORTS))):
            port: Object = {"containerPort": number, "protocol": self.random.choice(PROTOCOLS[:2])}
            free = [name for name in PORT_NAMES if all(one.get("name") != name for one in ports)]
            # The same name has different numbers in different pods.
            if free and self.random.random() < 0.5:
                port["name"] = self.random.choice(free)
            ports.append(port)
        name = self.name("pod")
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": namespace, "labels": self.labels()},
            "spec": {"containers": [{"name": "main", "image": "listener", "ports": ports}]},
            "status": {"podIP": str(self.network[self.count + 1])},
        }

    def policy(self, namespace: str) -> Object:
        types = self.random.choice((None, ["Ingress"], ["Egress"], [*DIRECTIONS], [*DIRECTIONS]))
        spec: Object = {"podSelector": self.selector()}
        if types is not None:
            spec["policyTypes"] = types
        for direction, peers in (("Ingress", "from"), ("Egress", "to")):
            if (types is None or direction in types) and self.random.random() < 0.85:
                count = self.random.choice((0, 1, 1, 1, 2, 3))
                spec[direction.lower()] = [self.rule(peers) for _ in range(count)]
        return {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": self.name("policy"), "namespace": namespace},
            "spec": spec,
        }

    def rule(self, peers: str) -> Object:
        rule: Object = {}
        if self.random.random() < 0.8:
            rule[peers] = [self.peer() for _ in range(self.random.choice((1, 1, 2)))]
        if self.random.random() < 0.7:
            protocols = ("SCTP",) if self.random.random() < 0.1 else (None, *PROTOCOLS)
            rule["ports"] = [self.port(protocols) for _ in range(self.random.choice((1, 1, 2)))]
        return rule

    def peer(self) -> Object:
        if self.random.random() < 0.25:
            return {"ipBlock": self.block()}
        pods, namespaces = self.random.choice(
            [(pods, namespaces) for pods in range(3) for namespaces in range(3) if pods or namespaces]
        )
        peer = {}
        for name, form in (("podSelector", pods), ("namespaceSelector", namespaces)):
            if form:
                peer[name] = {} if form == 1 else self.selector(empty=False)
        return peer

    def block(self) -> Object:
        # Most pods have low addresses: half of the networks hold those.
        longest = self.network.max_prefixlen - 1
        length = self.random.randint(self.network.prefixlen, longest - 1)
        cidr = ip_network((self.network[self.random.randrange(self.count + 2)], length), strict=False)
        block: Object = {"cidr": str(cidr)}
        if self.random.random() < 0.5:
            length = self.random.randint(cidr.prefixlen + 1, cidr.max_prefixlen)
            places = self.random.randrange(min(cidr.num_addresses, self.count + 2))
            block["except"] = [str(ip_network((cidr[places], length), strict=False))]
        return block

    def port(self, protocols: Sequence[str | None]) -> Object:
        protocol = self.random.choice(protocols)
        port: Object = {} if protocol is None else {"protocol": protocol}
        form = self.random.choice(("number", "number", "name", "range", "protocol alone"))
        if form == "number":
            port["port"] = self.random.choice(PORTS)
        elif form == "name":
            port["port"] = self.random.choice(PORT_NAMES)
        elif form == "range":
            first, last = sorted(self.random.sample(PORTS, 2))
            port |= {"port": first - self.random.choice((0, 1)), "endPort": last - self.random.choice((0, 1))}
        else:
            port.setdefault("protocol", "TCP")
        return port

    def selector(self, empty: bool = True) -> Object:
        form = self.random.choice(("empty", "labels", "labels", "expressions", "both", "nothing")[0 if empty else 1 :])
        if form == "empty":
            return {}
        if form == "nothing":
            return {"matchLabels": {"app": "nowhere"}}
        key = self.random.choice([*LABELS])
        selector: Object = {}
        if form != "expressions":
            selector["matchLabels"] = {key: self.random.choice(LABELS[key])}
        if form != "labels":
            selector["matchExpressions"] = [self.requirement()]
        return selector

    def requirement(self) -> Object:
        key = self.random.choice([*LABELS])
        operator = self.random.choice(("In", "NotIn", "Exists", "DoesNotExist"))
        requirement: Object = {"key": key, "operator": operator}
        if operator in ("In", "NotIn"):
            requirement["values"] = self.random.sample(LABELS[key], self.random.randint(1, len(LABELS[key]) - 1))
        return requirement

    def labels(self) -> dict[str, str]:
        return {key: self.random.choice(values) for key, values in LABELS.items() if self.random.random() < 0.75}

    def name(self, kind: str) -> str:
        self.count += 1
        return f"{kind}-{self.count}"

    def change(self, manifests: Sequence[Object]) -> Change:
        """Draws a change that is possible."""
        by_kind: dict[str, list[Object]] = {"Namespace": [], "Pod": [], "NetworkPolicy": []}
        for manifest in manifests:
            by_kind[manifest["kind"]].append(manifest)
        policies, pods = by_kind["NetworkPolicy"], by_kind["Pod"]
        namespace = self.random.choice(by_kind["Namespace"])
        actions = ["create policy", "label namespace", "create pod"]
        actions += ["update policy", "delete policy"] if policies else []
        actions += ["label pod"] if pods else []
        actions += ["delete pod"] if len(pods) > 2 else []
        action = self.random.choice(actions)
        if action == "create policy":
            return Change(action, self.policy(namespace["metadata"]["name"]))
        if action == "create pod":
            return Change(action, self.pod(namespace["metadata"]["name"]))
        if action == "delete policy":
            return Change(action, self.random.choice(policies))
        if action == "delete pod":
            return Change(action, self.random.choice(pods))
        if action == "update policy":
            updated = copy.deepcopy(self.random.choice(policies))
            updated["spec"] = self.policy(updated["metadata"]["namespace"])["spec"]
            return Change(action, updated)
        labelled = copy.deepcopy(namespace if action == "label namespace" else self.random.choice(pods))
        labelled["metadata"]["labels"] = self.labels()
        return Change(action, labelled)


def _key(manifest: Object) -> tuple[str, str, str]:
    metadata = manifest["metadata"]
    return manifest["kind"], metadata.get("namespace", ""), metadata["name"]
