"""Every edge stands for one relationship or both."""

from __future__ import annotations

import reprlib

from infraray.scenarios.capacity_planning.changes import Edge
from infraray.scenarios.capacity_planning.hierarchy import RELATIONSHIPS
from infraray.scenarios.capacity_planning.topology import Topology


def valid_edge(topology: Topology, edge: Edge) -> str | None:
    """What is wrong with an edge's relationships."""
    relationships = topology.edges[edge]
    if relationships and relationships.issubset(RELATIONSHIPS):
        return None
    given = reprlib.repr(sorted(relationships))
    return f"{edge[0]} -> {edge[1]} has type={given}: must be one or more of {', '.join(RELATIONSHIPS)}"
