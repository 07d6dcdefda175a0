"""Change port: a rule names another port than the workload listens on (NetArena, section D.2)."""

from __future__ import annotations

from random import Random

from infraray.scenarios.kubernetes_policy.faults.fault import Fault, changed, choose, told_rules
from infraray.scenarios.kubernetes_policy.site import Site

VARIANTS = ("number", "service_port", "neighbour", "name", "range")
HIGHEST = 65535


def draw(site: Site, taken: frozenset[tuple[str, str]], random: Random) -> Fault:
    """Draws the rule and the wrong port: any, the service's, a near one, a name that nobody has, a range beside it."""
    rules = [found for found in told_rules(site, taken) if found[0]["spec"]["ingress"][found[1]].get("ports")]
    policy, number, workload = choose(rules, random)
    wrong = changed(policy)
    port = wrong["spec"]["ingress"][number]["ports"][0]
    variant = random.choice(
        [one for one in VARIANTS if one != "service_port" or workload.service_port != workload.port]
    )
    if variant == "number":
        port["port"] = random.choice([one for one in (random.randint(1, HIGHEST), 8081, 9443) if one != workload.port])
    elif variant == "service_port":
        port["port"] = workload.service_port
    elif variant == "neighbour":
        port["port"] = workload.port + random.choice((-1, 1, 10, 100))
    elif variant == "name":
        port["port"] = random.choice(("web", "main-port", f"{workload.port_name}-alt"))
    else:
        first = workload.port + 1
        port |= {"port": first, "endPort": first + random.randint(1, 100)}
    return Fault("change_port", variant, wrong, workload.name)
