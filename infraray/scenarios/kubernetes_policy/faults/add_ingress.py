"""Add ingress: a policy, or a further one, lets in what has no business there (NetArena, section D.2)."""

from __future__ import annotations

from random import Random
from typing import Any

from infraray.scenarios.kubernetes_policy.faults.fault import Fault, changed, choose, key_of, workload_of
from infraray.scenarios.kubernetes_policy.site import Site, Workload
from infraray.scenarios.kubernetes_policy.site.policies import network_policy, peer_of

VARIANTS = ("workload", "workloads", "namespace", "everybody", "addresses", "policy")
NAMES = ("allow-{}-temporary", "{}-debug", "{}-hotfix", "open-{}")


def draw(site: Site, taken: frozenset[tuple[str, str]], random: Random) -> Fault:
    """Draws the workload, whom it lets in, on which ports, and whether by a rule or by a further policy."""
    application = site.application
    guarded = [
        (policy, workload)
        for policy in site.policies
        if (workload := workload_of(policy, application)) is not None
        and workload.port is not None
        and workload.name not in application.entries
        and key_of(policy) not in taken
    ]
    policy, workload = choose(guarded, random)
    variant = random.choice(VARIANTS)
    strangers = [
        one
        for one in application.members
        if one != workload
        and one.name not in application.confined
        and (one.name, workload.name) not in application.flows
    ]
    rule: dict[str, Any] = {}
    place = workload.name
    if variant in ("workload", "policy"):
        stranger = choose(strangers, random)
        rule["from"] = [peer_of(stranger, workload)]
        place += f" from {stranger.name}"
    elif variant == "workloads":
        chosen = random.sample(strangers, min(len(strangers), 2))
        if not chosen:
            choose(chosen, random)
        rule["from"] = [peer_of(stranger, workload) for stranger in chosen]
        place += f" from {', '.join(sorted(stranger.name for stranger in chosen))}"
    elif variant == "namespace":
        rule["from"] = [random.choice(({"podSelector": {}}, {"namespaceSelector": {}}))]
        place += f" from all of {'its namespace' if 'podSelector' in rule['from'][0] else 'the namespaces'}"
    elif variant == "addresses":
        rule["from"] = [{"ipBlock": {"cidr": "0.0.0.0/0"}}]
    if variant != "everybody" and random.random() < 0.5:
        rule["ports"] = [{"port": workload.port, "protocol": workload.protocol}]
    if variant == "policy":
        return Fault("add_ingress", variant, _further(workload, rule, random), place)
    wrong = changed(policy)
    rules = wrong["spec"].setdefault("ingress", [])
    rules.insert(random.randint(0, len(rules)), rule)
    return Fault("add_ingress", variant, wrong, place)


def _further(workload: Workload, rule: dict[str, Any], random: Random) -> dict[str, Any]:
    name = random.choice(NAMES).format(workload.name)
    spec = {"podSelector": {"matchLabels": workload.labels}, "policyTypes": ["Ingress"], "ingress": [rule]}
    return network_policy(name, workload.namespace, spec)
