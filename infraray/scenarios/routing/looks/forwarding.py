"""Whether a router forwards at all."""

from __future__ import annotations

from infraray.emulators.network.topology import Topology


def repairs(topology: Topology, router: str, output: str) -> list[str]:
    """The command that makes it forward."""
    return [] if output.strip() == "1" else ["sysctl -w net.ipv4.ip_forward=1"]
