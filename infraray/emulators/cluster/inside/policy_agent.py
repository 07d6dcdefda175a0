"""The policy agent: enforces NetworkPolicies in the node's network, from what it watches.

Every change is one transaction, so that no packet ever meets half of one. A pod can be reached by nobody and reach
nobody until everything that applies to it is in force. After each commit, the tracked connections of the pods that it
touches are forgotten. A policy that cannot be enforced closes the pods that it selects, and an Event says so; all
others stay in force.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address

from .agent import Agent
from .api_client import EVENTS, NAMESPACES, NETWORK_POLICIES, PODS, Address, Kind, Object
from .conntrack import Conntrack
from .nftables import Nftables, Refused
from .policy_rules import DIRECTIONS, Box, Direction, Endpoint, Rules, compile_policies

NAME = "policy-agent"

TABLE = """
table ip policies {
    set pods { type ipv4_addr; }
    set isolated_ingress { type ipv4_addr; }
    set isolated_egress { type ipv4_addr; }
    set ingress { type ipv4_addr . ipv4_addr . inet_proto . inet_service; flags interval; }
    set egress { type ipv4_addr . ipv4_addr . inet_proto . inet_service; flags interval; }
    chain forward {
        type filter hook forward priority filter; policy drop;
        ct state invalid drop
        ct state established,related accept
        ip saddr @isolated_egress ip saddr . ip daddr . meta l4proto . th dport != @egress drop
        ip daddr @isolated_ingress ip saddr . ip daddr . meta l4proto . th dport != @ingress drop
        ip saddr @pods ip daddr @pods accept
    }
}
"""
"""What is there before any pod is, and stays. A packet without ports is looked up by what stands in their place, which
only boxes of all ports contain."""


class PolicyAgent(Agent):
    """The agent. Make it in a thread that is in the node's network.

    Args:
        address: the API server's.
    """

    def __init__(self, address: Address) -> None:
        super().__init__(NAME, address, (NAMESPACES, PODS, NETWORK_POLICIES))
        self._nftables = Nftables()
        self._nftables.commit(TABLE)
        self._conntrack = Conntrack()
        self._in_force = Rules()
        self._faults: dict[str, str] = {}

    def reconcile(self, changed: dict[Kind, set[str]]) -> None:
        """Brings into force what has changed."""
        policies = list(self.all(NETWORK_POLICIES))
        namespaces = {
            found["metadata"]["name"]: found["metadata"].get("labels") or {} for found in self.all(NAMESPACES)
        }
        endpoints = list(_endpoints(self.all(PODS)))
        rules, faults = compile_policies(policies, endpoints, namespaces)
        refused = self._enforce(rules)
        for pod in endpoints:
            if pod.address in refused:
                faults[f"{pod.namespace}/"] = refused[pod.address]
        self._tell(policies, faults)

    def _enforce(self, rules: Rules) -> dict[int, str]:
        """Brings rules into force; returns why pods had to be closed, by address."""
        touched = _touched(self._in_force, rules)
        if not touched:
            return {}
        try:
            self._nftables.commit("\n".join(_difference(self._in_force, rules)))
            refused = {}
        except Refused:
            refused = self._enforce_one_by_one(rules, touched)
        else:
            self._in_force = rules
        self._conntrack.forget({str(IPv4Address(address)) for address in touched})
        return refused

    def _enforce_one_by_one(self, rules: Rules, touched: set[int]) -> dict[int, str]:
        """Brings rules into force pod by pod, and closes those whose rules the kernel refuses."""
        refused = {}
        for address in touched:
            step = _with_pod(self._in_force, rules, address)
            try:
                self._nftables.commit("\n".join(_difference(self._in_force, step)))
            except Refused as error:
                refused[address] = str(error)
                step = _with_pod(self._in_force, _closed(address), address)
                self._nftables.commit("\n".join(_difference(self._in_force, step)))
            self._in_force = step
        return refused

    def _tell(self, policies: Iterable[Object], faults: dict[str, str]) -> None:
        """Reports policies that cannot be enforced, each fault once."""
        known, self._faults = self._faults, faults
        for policy in policies:
            metadata = policy["metadata"]
            name = f"{metadata['namespace']}/{metadata['name']}"
            why = faults.get(name) or faults.get(f"{metadata['namespace']}/")
            if why is None or why in (known.get(name), known.get(f"{metadata['namespace']}/")):
                continue
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            about = {"kind": "NetworkPolicy", "apiVersion": "networking.k8s.io/v1", "name": metadata["name"]}
            about |= {"namespace": metadata["namespace"], "uid": metadata["uid"]}
            event = {
                "metadata": {"generateName": f"{metadata['name']}.", "namespace": metadata["namespace"]},
                "involvedObject": about,
                "type": "Warning",
                "reason": "NotEnforced",
                "message": f"The pods that this policy selects are closed: {why}",
                "source": {"component": NAME},
                "reportingComponent": NAME,
                "firstTimestamp": now,
                "lastTimestamp": now,
                "count": 1,
            }
            self.client.create(EVENTS, event)


def _endpoints(pods: Iterable[Object]) -> Iterator[Endpoint]:
    """The pods that have a network of their own and an address."""
    for pod in pods:
        metadata, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
        if not status.get("podIP") or spec.get("hostNetwork") or status.get("phase") in ("Succeeded", "Failed"):
            continue
        named: dict[tuple[str, str], set[int]] = {}
        sidecars = [one for one in spec.get("initContainers") or () if one.get("restartPolicy")]
        for container in (*spec["containers"], *sidecars):
            for port in container.get("ports") or ():
                if port.get("name"):
                    of_name = (port.get("protocol") or "TCP", port["name"])
                    named.setdefault(of_name, set()).add(port["containerPort"])
        yield Endpoint(
            metadata["namespace"],
            metadata["name"],
            metadata.get("labels") or {},
            int(IPv4Address(status["podIP"])),
            {name: frozenset(numbers) for name, numbers in named.items()},
        )


def _touched(before: Rules, after: Rules) -> set[int]:
    """The addresses of pods for which anything changes."""
    touched = set(before.pods ^ after.pods)
    for direction in DIRECTIONS:
        touched |= before.isolated[direction] ^ after.isolated[direction]
    for direction, address in before.boxes.keys() | after.boxes.keys():
        if before.boxes.get((direction, address)) != after.boxes.get((direction, address)):
            touched.add(address)
    return touched


def _with_pod(rules: Rules, other: Rules, address: int) -> Rules:
    """Rules with those of one pod taken from others."""

    def changed(own: frozenset[int], others: frozenset[int]) -> frozenset[int]:
        return own | {address} if address in others else own - {address}

    boxes = {place: found for place, found in rules.boxes.items() if place[1] != address}
    boxes |= {place: found for place, found in other.boxes.items() if place[1] == address}
    isolated = {direction: changed(rules.isolated[direction], other.isolated[direction]) for direction in DIRECTIONS}
    return Rules(changed(rules.pods, other.pods), isolated, boxes)


def _closed(address: int) -> Rules:
    """Rules in which a pod may open and receive nothing."""
    return Rules(isolated=dict.fromkeys(DIRECTIONS, frozenset((address,))))


def _difference(before: Rules, after: Rules) -> Iterator[str]:
    """The commands that turn rules into others, removals first."""
    places = before.boxes.keys() | after.boxes.keys()
    for word, old, new in (("delete", before, after), ("add", after, before)):
        yield from _elements(word, "pods", map(str, map(IPv4Address, old.pods - new.pods)))
        for direction in DIRECTIONS:
            alone = old.isolated[direction] - new.isolated[direction]
            yield from _elements(word, f"isolated_{direction}", map(str, map(IPv4Address, alone)))
            yield from _elements(
                word,
                direction,
                (
                    _element(box, direction, address)
                    for place, address in places
                    if place == direction
                    for box in old.boxes.get((place, address), frozenset())
                    - new.boxes.get((place, address), frozenset())
                ),
            )


def _elements(word: str, name: str, elements: Iterable[str]) -> Iterator[str]:
    if listed := ", ".join(elements):
        yield f"{word} element ip policies {name} {{ {listed} }}"


def _element(box: Box, direction: Direction, address: int) -> str:
    """A box as an element of its direction's set."""
    own, other = str(IPv4Address(address)), _range(IPv4Address(box.first), IPv4Address(box.last))
    ends = f"{other} . {own}" if direction == "ingress" else f"{own} . {other}"
    ports = box.ports
    return f"{ends} . {_range(ports.first_protocol, ports.last_protocol)} . {_range(ports.first, ports.last)}"


def _range(first: object, last: object) -> str:
    return f"{first}" if first == last else f"{first}-{last}"
