"""Interfaces: whether they are up, their MTUs and their addresses."""

from __future__ import annotations

import re

from infraray.emulators.network.topology import Topology
from infraray.scenarios.routing.healthy import interfaces_of

_INTERFACE = re.compile(r"^\d+: (?P<name>[^:@]+)(?:@\S+)?: <(?P<flags>[^>]*)> mtu (?P<mtu>\d+)")
_ADDRESS = re.compile(r"^\s+inet (?P<address>\S+)")


def repairs(topology: Topology, router: str, output: str) -> list[str]:
    """The commands that restore the router's interfaces according to the plan."""
    flags: dict[str, list[str]] = {}
    mtus: dict[str, int] = {}
    addresses: dict[str, list[str]] = {}
    name = ""
    for line in output.split("\n"):
        if found := _INTERFACE.match(line):
            name = found["name"]
            flags[name], mtus[name], addresses[name] = found["flags"].split(","), int(found["mtu"]), []
        elif found := _ADDRESS.match(line):
            addresses[name].append(found["address"])
    commands = []
    for interface in interfaces_of(topology, router):
        name = interface.name
        if mtus.get(name) != interface.mtu:
            commands.append(f"ip link set {name} mtu {interface.mtu}")
        if "UP" not in flags.get(name, ()):
            commands.append(f"ip link set {name} up")
        here = addresses.get(name, [])
        # The right address first: on losing its last address an interface loses its routes.
        if interface.address not in here:
            commands.append(f"ip addr add {interface.address} brd + dev {name}")
        commands += [f"ip addr del {address} dev {name}" for address in here if address != interface.address]
    return commands
