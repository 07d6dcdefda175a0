"""Change protocol: a rule names another protocol than the workload speaks (NetArena, section D.2)."""

from __future__ import annotations

from random import Random

from infraray.network_policies.pods import PROTOCOLS
from infraray.scenarios.kubernetes_policy.faults.fault import Fault, changed, choose, told_rules
from infraray.scenarios.kubernetes_policy.site import Site


def draw(site: Site, taken: frozenset[tuple[str, str]], random: Random) -> Fault:
    """Draws the rule and the protocol."""
    rules = [found for found in told_rules(site, taken) if found[0]["spec"]["ingress"][found[1]].get("ports")]
    policy, number, workload = choose(rules, random)
    wrong = changed(policy)
    port = wrong["spec"]["ingress"][number]["ports"][0]
    port["protocol"] = random.choice([protocol for protocol in PROTOCOLS if protocol != workload.protocol])
    return Fault("change_protocol", port["protocol"].lower(), wrong, workload.name)
