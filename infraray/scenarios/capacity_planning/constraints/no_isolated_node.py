"""Every node has an edge from or to another one."""

from __future__ import annotations

from infraray.scenarios.capacity_planning.topology import Topology


def no_isolated_node(topology: Topology, node: str) -> str | None:
    """Whether a node has no edge but to itself."""
    if any(start != end for start, end in topology.edges_of(node)):
        return None
    return f"{node} has no edge from or to another node"
