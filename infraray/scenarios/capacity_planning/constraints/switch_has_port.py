"""Every packet switch contains a port."""

from __future__ import annotations

from infraray.scenarios.capacity_planning.topology import Topology


def switch_has_port(topology: Topology, switch: str) -> str | None:
    """Whether a switch is without ports."""
    return None if topology.children(switch, "EK_PORT") else f"packet switch {switch} contains no port"
