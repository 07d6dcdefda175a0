"""Checks a topology against all constraints: in full, or again only where it was touched."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from infraray.scenarios.capacity_planning.constraints.constraint import Constraint, Violation
from infraray.scenarios.capacity_planning.constraints.hierarchy import hierarchy
from infraray.scenarios.capacity_planning.constraints.no_isolated_node import no_isolated_node
from infraray.scenarios.capacity_planning.constraints.port_capacity import port_capacity
from infraray.scenarios.capacity_planning.constraints.scope import Edges, Nodes
from infraray.scenarios.capacity_planning.constraints.switch_bandwidth import switch_bandwidth
from infraray.scenarios.capacity_planning.constraints.switch_has_port import switch_has_port
from infraray.scenarios.capacity_planning.constraints.valid_edge import valid_edge
from infraray.scenarios.capacity_planning.constraints.valid_type import valid_type
from infraray.scenarios.capacity_planning.topology import Topology

_SWITCHES = Nodes("EK_PACKET_SWITCH", with_children=True)

CONSTRAINTS: tuple[Constraint[Any], ...] = (
    Constraint(Nodes(), valid_type),
    Constraint(Edges(), valid_edge),
    Constraint(Edges(), hierarchy),
    Constraint(Nodes(), no_isolated_node),
    Constraint(Nodes("EK_PORT"), port_capacity),
    Constraint(_SWITCHES, switch_has_port),
    Constraint(_SWITCHES, switch_bandwidth),
)


def violations(topology: Topology) -> tuple[Violation, ...]:
    """All that does not hold, by constraint and then by node or edge."""
    return tuple(
        violation
        for constraint in CONSTRAINTS
        for violation in constraint.violations(topology, constraint.scope.all(topology))
    )


def violations_after(
    topology: Topology, names: Collection[str], before: Collection[Violation] = ()
) -> tuple[Violation, ...]:
    """What `violations` finds, by looking only at what may have changed.

    Args:
        topology: the topology as it is now.
        names: the nodes that were touched (`Changes.names`).
        before: what did not hold before they were.
    """
    found: list[Violation] = []
    for constraint in CONSTRAINTS:
        affected = constraint.scope.affected(topology, names)
        kept = [
            violation
            for violation in before
            if violation.constraint == constraint.name
            and violation.subject not in affected
            and constraint.scope.holds(topology, violation.subject)
        ]
        found += sorted(kept + constraint.violations(topology, affected))
    return tuple(found)
