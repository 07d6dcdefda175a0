"""Disable routing: a router does not forward, at all or from one subnet (NetArena, section C.2, type 1)."""

from __future__ import annotations

from random import Random

from infraray.scenarios.routing.faults.fault import Fault
from infraray.scenarios.routing.healthy import subnets
from infraray.scenarios.routing.site import Site

FORWARD_POLICY = "forward_policy"
VARIANTS = ("sysctl", FORWARD_POLICY, "prohibit_rule", "forward_drop")
PREFERENCES = range(1, 100)
"""Preference of the prohibiting rule, before those that belong there."""


def draw(site: Site, random: Random, features: frozenset[str]) -> Fault:
    """Draws the router, the variant and, for ``forward_drop``, the subnet and the position among the filters."""
    router = random.choice(site.topology.routers)
    fixtures = site.fixtures_of(router)
    # If nothing is forwarded by default, the policy is not a fault.
    variant = random.choice([found for found in VARIANTS if found != FORWARD_POLICY or fixtures.forwards_by_default])
    subnet = site.filtered(random.choice(subnets(site.topology)), random)
    preference = 0 if site.plain else random.choice(PREFERENCES)
    place = random.randint(1, fixtures.chain_length("FORWARD") + 1)
    inject, repair = {
        "sysctl": ("sysctl -w net.ipv4.ip_forward=0", "sysctl -w net.ipv4.ip_forward=1"),
        FORWARD_POLICY: ("iptables -P FORWARD DROP", "iptables -P FORWARD ACCEPT"),
        # The type must be named: preference 0 alone would delete the rule for local addresses.
        "prohibit_rule": (f"ip rule add prohibit pref {preference}", f"ip rule del prohibit pref {preference}"),
        "forward_drop": (
            f"iptables -I FORWARD {place} -s {subnet} -j DROP",
            f"iptables -D FORWARD -s {subnet} -j DROP",
        ),
    }[variant]
    return Fault(
        "disable_routing", variant, router, (subnet,) if variant == "forward_drop" else (), (inject,), (repair,)
    )
