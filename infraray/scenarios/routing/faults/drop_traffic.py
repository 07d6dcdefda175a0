"""Drop traffic: a router rejects or delays packets from or to a subnet (NetArena, section C.2, type 4)."""

from __future__ import annotations

from random import Random

from infraray.scenarios.routing.faults.fault import Fault
from infraray.scenarios.routing.healthy import is_host_subnet, router_interfaces, subnets
from infraray.scenarios.routing.site import Site

FILTERS = {"drop": "-j DROP", "reject": "-j REJECT", "drop_icmp": "-p icmp -j DROP"}
DELAY = "delay"
"""The variant that needs the kernel's netem."""

SHORTEST_DELAY_MS, LONGEST_DELAY_MS = 1000, 5000


def draw(site: Site, random: Random, features: frozenset[str]) -> Fault:
    """Draws the variant, the subnet and the position among the filters; for a delay, the interface and the time."""
    variant = random.choice([*FILTERS, DELAY] if "netem" in features else [*FILTERS])
    if variant == DELAY:
        topology = site.topology
        interface = random.choice([one for one in router_interfaces(topology) if is_host_subnet(topology, one)])
        delay_ms = random.randint(SHORTEST_DELAY_MS, LONGEST_DELAY_MS)
        delaying = (f"tc qdisc add dev {interface.name} root netem delay {delay_ms}ms",)
        repairing = (f"tc qdisc del dev {interface.name} root",)
        return Fault("drop_traffic", variant, interface.machine, (interface.name,), delaying, repairing)
    router = random.choice(site.topology.routers)
    subnet = site.filtered(random.choice(subnets(site.topology)), random)
    inject, repair = [], []
    for chain, side in (("INPUT", "-s"), ("OUTPUT", "-d")):
        place = random.randint(1, site.fixtures_of(router).chain_length(chain) + 1)
        inject.append(f"iptables -I {chain} {place} {side} {subnet} {FILTERS[variant]}")
        repair.append(f"iptables -D {chain} {side} {subnet} {FILTERS[variant]}")
    return Fault("drop_traffic", variant, router, (subnet,), tuple(inject), tuple(repair))
