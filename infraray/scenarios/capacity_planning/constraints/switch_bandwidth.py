"""Every packet switch's ports have the stated minimum of bandwidth together."""

from __future__ import annotations

from infraray.scenarios.capacity_planning.constraints.port_capacity import capacity_of
from infraray.scenarios.capacity_planning.hierarchy import KINDS
from infraray.scenarios.capacity_planning.topology import Topology


def switch_bandwidth(topology: Topology, switch: str) -> str | None:
    """Whether a switch's ports have less than the minimum."""
    ports = topology.children(switch, "EK_PORT")
    bandwidth = sum(capacity_of(topology.nodes[port]) for port in ports)
    minimum = KINDS["EK_PACKET_SWITCH"].minimum_bandwidth_bps
    if bandwidth >= minimum:
        return None
    return f"packet switch {switch} has {bandwidth} bit/s over {len(ports)} ports: must have at least {minimum}"
