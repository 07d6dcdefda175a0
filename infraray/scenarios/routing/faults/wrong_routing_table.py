"""Wrong routing table: one of a router's routes leads astray (NetArena, section C.2, type 5).

The gateways that NetArena names, an address on no network of the router and one of its own, are
refused by the kernel, which leaves the route missing. Here the wrong gateway is an address that
nobody has in another subnet, and the loop leads to a host there, which sends what is not its own
back to the router.
"""

from __future__ import annotations

from ipaddress import ip_network
from random import Random

from infraray.emulators.network import Interface, Topology
from infraray.scenarios.routing.faults.fault import Fault
from infraray.scenarios.routing.healthy import Route, hosts_of, is_host_subnet, router_interfaces, routes
from infraray.scenarios.routing.site import Site

VARIANTS = ("other_interface", "wrong_gateway", "high_metric", "loop")
TOWARDS_HOSTS = ("wrong_gateway", "loop")
"""Variants whose wrong way leads into a subnet with hosts."""

METRICS = (5000, 20000)


def draw(site: Site, random: Random, features: frozenset[str]) -> Fault:
    """Draws the way, the route, where it leads instead, and the number in it."""
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
    # Both: beside the wrong entry the right one may have come back with its interface.
    repair = (f"ip route del {wrong}", f"ip route replace {route.spec}")
    return Fault("wrong_routing_table", variant, other.machine, (destination, other.name), inject, repair)


def _detours(topology: Topology, towards_hosts: bool) -> list[tuple[Route, Interface]]:
    """Every route, with each interface of its router that it should not leave by."""
    return [
        (route, other)
        for other in router_interfaces(topology)
        if is_host_subnet(topology, other) or not towards_hosts
        for route in routes(topology, other.machine)
        if other.name != route.interface
    ]


def _unused(topology: Topology, interface: Interface, random: Random) -> str:
    """An address of an interface's network that nobody has."""
    taken = {found.ip for found in topology.interfaces if found.network == interface.network}
    return random.choice(
        [str(address) for address in ip_network(interface.network).hosts() if str(address) not in taken]
    )
