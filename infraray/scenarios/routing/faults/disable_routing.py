"""Disable routing: a router no longer forwards, or not from one subnet (NetArena, section C.2, type 1)."""

from __future__ import annotations

from random import Random

from infraray.emulators.network import Topology
from infraray.scenarios.routing.faults.fault import Fault
from infraray.scenarios.routing.healthy import subnet_network

VARIANTS = ("sysctl", "forward_policy", "prohibit_rule", "forward_drop")


def draw(topology: Topology, random: Random, features: frozenset[str]) -> Fault:
    """Draws the router, the way and, for ``forward_drop``, the subnet."""
    variant = random.choice(VARIANTS)
    router = random.choice(topology.routers)
    subnet = subnet_network(random.randint(1, topology.num_subnets))
    inject, repair = {
        "sysctl": ("sysctl -w net.ipv4.ip_forward=0", "sysctl -w net.ipv4.ip_forward=1"),
        "forward_policy": ("iptables -P FORWARD DROP", "iptables -P FORWARD ACCEPT"),
        # The type must be named: preference 0 alone would delete the rule for local addresses.
        "prohibit_rule": ("ip rule add prohibit pref 0", "ip rule del prohibit pref 0"),
        "forward_drop": (f"iptables -A FORWARD -s {subnet} -j DROP", f"iptables -D FORWARD -s {subnet} -j DROP"),
    }[variant]
    place = (subnet,) if variant == "forward_drop" else ()
    return Fault("disable_routing", variant, router, place, (inject,), (repair,))
