"""Wrong routing table: one of a router's routes goes the wrong way (NetArena, section C.2, type 5).

The kernel rejects NetArena's gateways (an address outside all of the router's networks, and one of its own), which
leaves the route missing. Here the wrong gateway is an unused address in another subnet, and the loop goes to a host
there, which sends foreign packets back to the router.
"""

from __future__ import annotations

from ipaddress import ip_network
from random import Random

from infraray.emulators.network.topology import Interface, Topology
from infraray.scenarios.routing.faults.fault import Fault
from infraray.scenarios.routing.healthy import Route, hosts_of, is_host_subnet, router_interfaces, routes
from infraray.scenarios.routing.site import Site

VARIANTS = ("other_interface", "wrong_gateway", "high_metric", "loop")
TOWARDS_HOSTS = ("wrong_gateway", "loop")
"""Variants whose wrong route leads into a subnet with hosts."""

METRICS = (5000, 20000)


def draw(site: Site, random: Random, features: frozenset[str]) -> Fault:
    """Draws the variant, the route, its wrong target, and the number in it."""
    variant = random.choice(VARIANTS)
    topology = site.topology
    route, other = random.choice(_detours(topology, variant in TOWARDS_HOSTS))
    destination = route.destination
    if variant == "other_interface":
        wrong = f"{destination} dev {other.name}"
    elif variant == "high_metric":
        wrong = f"{destination} dev {other.name} metric {random.randint(*METRICS)}"
    else:
        hosts = [host.ip for host in hosts_of(topology, other.network)]
        gateway = _unused(topology, other, random) if variant == "wrong_gateway" else random.choice(hosts)
        wrong = f"{destination} via {gateway}"
    inject = (f"ip route del {destination} dev {route.interface}", f"ip route add {wrong}")
    # Both, since the right entry may have come back with its interface beside the wrong one.
    repair = (f"ip route del {wrong}", f"ip route replace {route.spec}")
    return Fault("wrong_routing_table", variant, other.machine, (destination, other.name), inject, repair)


def _detours(topology: Topology, towards_hosts: bool) -> list[tuple[Route, Interface]]:
    """Every route with each wrong interface of its router."""
    return [
        (route, other)
        for other in router_interfaces(topology)
        if is_host_subnet(topology, other) or not towards_hosts
        for route in routes(topology, other.machine)
        if other.name != route.interface
    ]


def _unused(topology: Topology, interface: Interface, random: Random) -> str:
    """An unused address in an interface's network."""
    taken = {found.ip for found in topology.interfaces if found.network == interface.network}
    return random.choice(
        [str(address) for address in ip_network(interface.network).hosts() if str(address) not in taken]
    )
