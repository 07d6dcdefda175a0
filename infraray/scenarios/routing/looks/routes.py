"""The main table's routes."""

from __future__ import annotations

from ipaddress import ip_network

from infraray.emulators.network.topology import Topology
from infraray.scenarios.routing.healthy import routes

OTHER_KINDS = ("blackhole", "unreachable", "prohibit", "throw")
"""Kinds of routes that `ip route` names before the destination."""


def repairs(topology: Topology, router: str, output: str) -> list[str]:
    """The commands that restore the plan's routes and remove other routes into the network."""
    expected = [route.spec for route in routes(topology, router)]
    inside = [ip_network(segment[0].network) for segment in topology.segments]
    lines = [" ".join(line.replace(" linkdown", "").split()) for line in output.split("\n")]
    commands = [f"ip route replace {spec}" for spec in expected if spec not in lines]
    for line in lines:
        # The kernel's own routes disappear with their address.
        if not line or line in expected or "proto kernel" in line:
            continue
        words = line.split()
        destination = words[1] if words[0] in OTHER_KINDS else words[0]
        if destination == "default" or any(ip_network(destination).overlaps(network) for network in inside):
            commands.append(f"ip route del {line}")
    return commands
