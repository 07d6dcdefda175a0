"""Remove ingress: a policy lacks a rule, or a rule lacks a peer (NetArena, section D.2)."""

from __future__ import annotations

from random import Random
from typing import Any

from infraray.scenarios.kubernetes_policy.faults.fault import Fault, changed, choose, means_workload, told_rules
from infraray.scenarios.kubernetes_policy.site import Site


def draw(site: Site, taken: frozenset[tuple[str, str]], random: Random) -> Fault:
    """Draws the rule, and whether all of it or one of its peers is gone."""
    policy, number, workload = choose(told_rules(site, taken), random)
    wrong = changed(policy)
    rules = wrong["spec"]["ingress"]
    peers = [peer for peer in rules[number].get("from", ()) if means_workload(peer)]
    listed = [peer["podSelector"]["matchExpressions"][0] for peer in peers if "matchExpressions" in peer["podSelector"]]
    variants = ["rule"] + (["peer"] if len(peers) > 1 else []) + (["value"] if listed else [])
    variant = random.choice(variants)
    place = workload.name
    if variant == "rule":
        del rules[number]
        if not rules:
            del wrong["spec"]["ingress"]
    elif variant == "peer":
        peer = random.choice(peers)
        rules[number]["from"].remove(peer)
        place = f"{place} from {_shown(peer)}"
    else:
        value = random.choice(listed[0]["values"])
        listed[0]["values"].remove(value)
        place = f"{place} from {value}"
    return Fault("remove_ingress", variant, wrong, place)


def _shown(peer: dict[str, Any]) -> str:
    selector = peer["podSelector"]
    return (
        selector["matchLabels"]["app"] if "matchLabels" in selector else str(selector["matchExpressions"][0]["values"])
    )
