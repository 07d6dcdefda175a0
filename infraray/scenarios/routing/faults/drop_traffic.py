"""Drop traffic: a router refuses or delays what comes from and goes to a subnet (NetArena, section C.2, type 4)."""

from __future__ import annotations

from random import Random

from infraray.emulators.network import Topology
from infraray.scenarios.routing.faults.fault import Fault
from infraray.scenarios.routing.healthy import is_host_subnet, router_interfaces, subnet_network

FILTERS = {"drop": "-j DROP", "reject": "-j REJECT", "drop_icmp": "-p icmp -j DROP"}
DELAY = "delay"
"""The variant that needs the kernel's netem."""

SHORTEST_DELAY_MS, LONGEST_DELAY_MS = 1000, 5000


def draw(topology: Topology, random: Random, features: frozenset[str]) -> Fault:
    """Draws the way and the subnet, for the delay the interface and its length."""
    variant = random.choice([*FILTERS, DELAY] if "netem" in features else [*FILTERS])
    if variant == DELAY:
        interface = random.choice([found for found in router_interfaces(topology) if is_host_subnet(found)])
        delay_ms = random.randint(SHORTEST_DELAY_MS, LONGEST_DELAY_MS)
        delaying = (f"tc qdisc add dev {interface.name} root netem delay {delay_ms}ms",)
        repairing = (f"tc qdisc del dev {interface.name} root",)
        return Fault("drop_traffic", variant, interface.machine, (interface.name,), delaying, repairing)
    router = random.choice(topology.routers)
    subnet = subnet_network(random.randint(1, topology.num_subnets))
    rules = (f"INPUT -s {subnet} {FILTERS[variant]}", f"OUTPUT -d {subnet} {FILTERS[variant]}")
    inject = tuple(f"iptables -A {rule}" for rule in rules)
    repair = tuple(f"iptables -D {rule}" for rule in rules)
    return Fault("drop_traffic", variant, router, (subnet,), inject, repair)
