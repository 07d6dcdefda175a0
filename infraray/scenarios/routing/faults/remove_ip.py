"""Remove IP: a router's interface has no address, or a wrong one (NetArena, section C.2, type 3).

NetArena also draws the prefix lengths 8 and 16, which break nothing: hosts are still on link, and the other subnets'
longer prefixes still win.
"""

from __future__ import annotations

from ipaddress import ip_address, ip_interface, ip_network
from random import Random

from infraray.emulators.network.topology import Interface
from infraray.scenarios.routing.faults.fault import Fault
from infraray.scenarios.routing.healthy import hosts_of, interfaces_of, lost_with, router_interfaces
from infraray.scenarios.routing.site import Site

VARIANTS = ("flush", "foreign_address", "wrong_mask", "duplicate_address")
MASKS = (30, 31, 32)
"""Prefix lengths for a subnet's address; a link's address may get the last two."""


def draw(site: Site, random: Random, features: frozenset[str]) -> Fault:
    """Draws the interface, the variant and the wrong address."""
    variant = random.choice(VARIANTS)
    interface = random.choice(router_interfaces(site.topology))
    wrong, place = _wrong_address(variant, interface, site, random)
    name = interface.name
    inject = [f"ip addr flush dev {name}"]
    # The right address first: on losing its last address an interface would lose its routes.
    repair = [f"ip addr add {interface.address} brd + dev {name}"]
    if wrong is not None:
        inject.append(f"ip addr add {wrong} dev {name}")
        repair.append(f"ip addr del {wrong} dev {name}")
    repair += lost_with(site.topology, interface)
    return Fault("remove_ip", variant, interface.machine, (name, *place), tuple(inject), tuple(repair))


def _wrong_address(
    variant: str, interface: Interface, site: Site, random: Random
) -> tuple[str | None, tuple[str, ...]]:
    """The address that replaces the right one, if any, and the part of it that determines the symptom."""
    if variant == "flush":
        return None, ()
    if variant == "foreign_address":
        number = random.randint(1, 254)
        foreign = f"10.{number}.{number}.1/24"
        inside = any(
            ip_interface(foreign).network.overlaps(ip_network(end[0].network)) for end in site.topology.segments
        )
        return (f"100.64.{number}.1/24" if inside else foreign), ()
    if variant == "wrong_mask":
        mask = random.choice([mask for mask in MASKS if _alone(site, interface, mask)])
        return f"{interface.ip}/{mask}", (str(mask),)
    others = [other for other in interfaces_of(site.topology, interface.machine) if other != interface]
    other = random.choice(others)
    return other.address, (other.name,)


def _alone(site: Site, interface: Interface, mask: int) -> bool:
    """Whether such a long prefix leaves the router alone in its network."""
    network = ip_interface(f"{interface.ip}/{mask}").network
    neighbours = hosts_of(site.topology, interface.network) or [
        other for other in router_interfaces(site.topology) if other.network == interface.network and other != interface
    ]
    return not any(ip_address(neighbour.ip) in network for neighbour in neighbours)
