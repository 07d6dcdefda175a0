"""Remove IP: a router's interface has no address, or a wrong one (NetArena, section C.2, type 3).

NetArena also draws the prefix lengths 8 and 16, which break nothing: hosts are still on link, and
longer prefixes still win for the other subnets.
"""

from __future__ import annotations

from random import Random

from infraray.emulators.network import Interface, Topology
from infraray.scenarios.routing.faults.fault import Fault
from infraray.scenarios.routing.healthy import is_host_subnet, lost_with, router_interfaces

VARIANTS = ("flush", "foreign_address", "wrong_mask", "duplicate_address")
HOST_SUBNET_MASKS = (30, 31, 32)
"""Prefix lengths that leave the router alone in its network: hosts have .101 and more."""

LINK_MASKS = (31, 32)
"""The same for a link between routers, whose ends are .1 and .2."""


def draw(topology: Topology, random: Random, features: frozenset[str]) -> Fault:
    """Draws the interface, the way and the wrong address."""
    variant = random.choice(VARIANTS)
    interface = random.choice(router_interfaces(topology))
    wrong, place = _wrong_address(variant, interface, topology, random)
    name = interface.name
    inject = [f"ip addr flush dev {name}"]
    # The right address first: with its last address an interface would lose its routes.
    repair = [f"ip addr add {interface.address} brd + dev {name}"]
    if wrong is not None:
        inject.append(f"ip addr add {wrong} dev {name}")
        repair.append(f"ip addr del {wrong} dev {name}")
    repair += lost_with(topology, interface)
    return Fault("remove_ip", variant, interface.machine, (name, *place), tuple(inject), tuple(repair))


def _wrong_address(
    variant: str, interface: Interface, topology: Topology, random: Random
) -> tuple[str | None, tuple[str, ...]]:
    """The address in place of the right one, if any, and what of it decides the symptom."""
    if variant == "flush":
        return None, ()
    if variant == "foreign_address":
        number = random.randint(1, 254)
        return f"10.{number}.{number}.1/24", ()
    if variant == "wrong_mask":
        mask = random.choice(HOST_SUBNET_MASKS if is_host_subnet(interface) else LINK_MASKS)
        return f"{interface.address.split('/')[0]}/{mask}", (str(mask),)
    others = [
        other for other in router_interfaces(topology) if other.machine == interface.machine and other != interface
    ]
    other = random.choice(others)
    return other.address, (other.name,)
