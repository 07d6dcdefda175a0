"""Add egress: rules for sending take the place of the one that permits everything (NetArena, section D.2).

NetArena's generator does the same: what it adds replaces the rule ``{}``, so that the workload may send to nobody else.
With rules added beside ``{}``, as in the paper's words, nothing would change.
"""

from __future__ import annotations

from random import Random
from typing import Any

from infraray.scenarios.kubernetes_policy.faults.fault import Fault, changed, choose, key_of, workload_of
from infraray.scenarios.kubernetes_policy.site import Site
from infraray.scenarios.kubernetes_policy.site.policies import DNS_PORT, peer_of

VARIANTS = ("workloads", "one_target", "port", "dns_alone", "outside")


def draw(site: Site, taken: frozenset[tuple[str, str]], random: Random) -> Fault:
    """Draws the workload and what is left to it."""
    application = site.application
    open_ones = [
        (policy, workload)
        for policy in site.policies
        if policy["spec"].get("egress") == [{}]
        and key_of(policy) not in taken
        and (workload := workload_of(policy, application)) is not None
        and application.targets_of(workload.name)
    ]
    policy, workload = choose(open_ones, random)
    variant = random.choice(VARIANTS)
    targets = [application.by_name[name] for name in application.targets_of(workload.name)]
    rules: list[dict[str, Any]]
    if variant == "workloads":
        others = random.sample([one for one in application.members if one != workload], 2)
        rules = [{"to": [peer_of(one, workload)]} for one in others]
        place = f"{workload.name} to {', '.join(sorted(one.name for one in others))}"
    elif variant == "one_target":
        target = random.choice(targets)
        rules = [{"to": [peer_of(target, workload)], "ports": [{"port": target.port, "protocol": target.protocol}]}]
        place = f"{workload.name} to {target.name}"
    elif variant == "port":
        target = random.choice(targets)
        rules = [{"ports": [{"port": target.port, "protocol": target.protocol}]}]
        place = f"{workload.name} to port {target.port}"
    elif variant == "dns_alone":
        rules = [{"ports": [{"port": DNS_PORT, "protocol": protocol} for protocol in ("UDP", "TCP")]}]
        place = f"{workload.name} to port {DNS_PORT}"
    else:
        rules = [{"to": [{"ipBlock": {"cidr": random.choice(("172.16.0.0/12", "192.168.0.0/16"))}}]}]
        place = f"{workload.name} to outside"
    wrong = changed(policy)
    wrong["spec"]["egress"] = rules
    return Fault("add_egress", variant, wrong, place)
