"""Every relationship joins kinds that the hierarchy joins by it; a node of several kinds may take part by any."""

from __future__ import annotations

from infraray.scenarios.capacity_planning.changes import Edge
from infraray.scenarios.capacity_planning.hierarchy import KINDS, RELATIONSHIPS, RK_CONTAINS, RK_CONTROLS
from infraray.scenarios.capacity_planning.topology import Topology, kinds_of

_VERBS = {RK_CONTAINS: "contain", RK_CONTROLS: "control"}
_JOINED = {
    (relationship, start.name, end)
    for relationship in RELATIONSHIPS
    for start in KINDS.values()
    for end in start.holds(relationship)
}


def hierarchy(topology: Topology, edge: Edge) -> str | None:
    """Which relationship of an edge its ends cannot have."""
    starts, ends = (kinds_of(topology.nodes[name]) for name in edge)
    for relationship in RELATIONSHIPS:
        if relationship in topology.edges[edge] and not any(
            (relationship, start, end) in _JOINED for start in starts for end in ends
        ):
            start, end = (f"{name} ({', '.join(kinds)})" for name, kinds in zip(edge, (starts, ends), strict=True))
            return f"{start} must not {_VERBS[relationship]} {end}"
    return None
