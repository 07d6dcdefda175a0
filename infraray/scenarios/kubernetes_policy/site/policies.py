"""The policies of an application: what sees to its intended connections, in one of many forms."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

from infraray.network_policies.pods import NAME_LABEL
from infraray.scenarios.kubernetes_policy.site.application import Application, Manifest, Workload

DNS_PORT = 53
NAMES = ("{}", "allow-{}", "{}-policy", "{}-traffic", "netpol-{}", "to-{}")
DENIALS = ("deny-all", "default-deny", "isolate", "nothing-by-default")


def plain_policies(application: Application) -> list[Manifest]:
    """One for each workload and one that denies the rest, named after them: NetArena's thirteen."""
    found = [denial(namespace, "deny-all") for namespace in application.namespaces]
    for workload in application.members:
        peers = [peer_of(application.by_name[source], workload) for source in application.sources_of(workload.name)]
        port = {"port": workload.port, "protocol": workload.protocol}
        ingress = [{}] if workload.name in application.entries else [{"from": peers, "ports": [port]}] if peers else []
        found.append(policy(workload, workload.name, ingress, egress_rules(application, workload)))
    return found


def varied_policies(application: Application, random: Random) -> list[Manifest]:
    """The same in another form for each seed: names, forms of selectors and ports, rules joined and split."""
    style = random.choice(NAMES)
    found = [denial(namespace, random.choice(DENIALS)) for namespace in application.namespaces]
    for workload in application.members:
        name = style.format(workload.name)
        sources = [application.by_name[source] for source in application.sources_of(workload.name)]
        random.shuffle(sources)
        egress = egress_rules(application, workload)
        if workload.name in application.entries:
            found.append(policy(workload, name, [{}], egress))
            continue
        rules = _rules(workload, sources, random)
        if len(rules) > 1 and random.random() < 0.4:
            place = random.randint(1, len(rules) - 1)
            found.append(policy(workload, name, rules[:place], egress))
            found.append(policy(workload, f"{name}-{random.choice(('more', 'extra', '2'))}", rules[place:], None))
        else:
            found.append(policy(workload, name, rules, egress))
    return found


def policy(workload: Workload, name: str, ingress: list[Any], egress: list[Any] | None) -> Manifest:
    """A policy of one workload; without egress it leaves sending to others."""
    spec: dict[str, Any] = {"podSelector": {"matchLabels": workload.labels}}
    spec["policyTypes"] = ["Ingress"] if egress is None else ["Ingress", "Egress"]
    if ingress:
        spec["ingress"] = ingress
    if egress:
        spec["egress"] = egress
    return network_policy(name, workload.namespace, spec)


def denial(namespace: str, name: str) -> Manifest:
    """The policy that isolates every pod of a namespace."""
    return network_policy(name, namespace, {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})


def peer_of(source: Workload, target: Workload) -> dict[str, Any]:
    """The peer that means a workload in a policy of another."""
    peer: dict[str, Any] = {"podSelector": {"matchLabels": source.labels}}
    if source.namespace != target.namespace:
        peer = {"namespaceSelector": {"matchLabels": {NAME_LABEL: source.namespace}}, **peer}
    return peer


def egress_rules(application: Application, workload: Workload) -> list[dict[str, Any]]:
    """What a workload sends: anything, or if it is confined, names to be resolved and connections to its targets."""
    if workload.name not in application.confined:
        return [{}]
    rules: list[dict[str, Any]] = [{"ports": [{"port": DNS_PORT, "protocol": name} for name in ("UDP", "TCP")]}]
    for name in application.targets_of(workload.name):
        target = application.by_name[name]
        port = {"port": target.port, "protocol": target.protocol}
        rules.append({"to": [peer_of(target, workload)], "ports": [port]})
    return rules


def _rules(workload: Workload, sources: Iterable[Workload], random: Random) -> list[Any]:
    """Rules that let the sources in, together or one by one."""
    groups: list[list[Workload]] = []
    for source in sources:
        if groups and random.random() < 0.6:
            groups[-1].append(source)
        else:
            groups.append([source])
    return [{"from": _peers(group, workload, random), "ports": [_port(workload, random)]} for group in groups]


def _peers(sources: list[Workload], target: Workload, random: Random) -> list[dict[str, Any]]:
    """One peer for each source or, within the target's namespace, sometimes one for all of them."""
    if len(sources) > 1 and {source.namespace for source in sources} == {target.namespace} and random.random() < 0.5:
        values = [source.name for source in sources]
        return [{"podSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": values}]}}]
    return [peer_of(source, target) for source in sources]


def _port(workload: Workload, random: Random) -> dict[str, Any]:
    return {"port": workload.port_name if random.random() < 0.3 else workload.port, "protocol": workload.protocol}


def network_policy(name: str, namespace: str, spec: dict[str, Any]) -> Manifest:
    """A policy's manifest."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }
