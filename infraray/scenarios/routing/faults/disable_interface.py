"""Disable interface: a router's interface is down or lets no packets through (NetArena, section C.2, type 2)."""

from __future__ import annotations

from random import Random

from infraray.scenarios.routing.faults.fault import Fault
from infraray.scenarios.routing.healthy import lost_with, router_interfaces
from infraray.scenarios.routing.site import Site

VARIANTS = ("ifconfig_down", "link_down", "small_mtu")


def draw(site: Site, random: Random, features: frozenset[str]) -> Fault:
    """Draws the interface and the variant."""
    variant = random.choice(VARIANTS)
    interface = random.choice(router_interfaces(site.topology))
    name = interface.name
    inject = {
        "ifconfig_down": f"ifconfig {name} down",
        "link_down": f"ip link set {name} down",
        "small_mtu": f"ip link set {name} mtu 68",
    }[variant]
    if variant == "small_mtu":
        repair: tuple[str, ...] = (f"ip link set {name} mtu {interface.mtu}",)
    else:
        repair = (f"ip link set {name} up", *lost_with(site.topology, interface))
    return Fault("disable_interface", variant, interface.machine, (name,), (inject,), repair)
