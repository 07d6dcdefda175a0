"""Remove nodes, and with them what is then contained in nothing."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from infraray.scenarios.capacity_planning.operations.change import PORT, SWITCH, some_nodes
from infraray.scenarios.capacity_planning.operations.naming import EACH, bound, coded, listed
from infraray.scenarios.capacity_planning.operations.operation import Operation
from infraray.scenarios.capacity_planning.operations.phrasing import Voice, phrasings
from infraray.scenarios.capacity_planning.topology import Topology

MIN_NODES, MAX_NODES = 3, 5


@dataclass(frozen=True)
class Remove(Operation):
    """Removes nodes.

    Args:
        names: the nodes, sorted.
    """

    names: tuple[str, ...]

    PHRASINGS = phrasings(
        "Remove {names} from the graph.",
        "Delete {names}.",
        "Take {names} out of the topology.",
        "Decommission {names}.",
        held_out=("Get rid of {names}.", "Strike {names} off for good."),
    )

    @classmethod
    def draw(cls, topology: Topology, random: Random, near: str | None = None) -> Remove:
        """Draws several ports or switches, none below another; one if it is to be at or below a node."""
        number = random.randint(MIN_NODES, MAX_NODES) if near is None else 1
        return cls(some_nodes(topology, random, random.choice((PORT, PORT, SWITCH)), number, near))

    @classmethod
    def draw_for_each(cls, kind: str, random: Random) -> Remove | None:
        """Every port or switch that the loop comes to."""
        return cls((EACH,)) if kind in (PORT, SWITCH) else None

    def words(self, voice: Voice) -> dict[str, str]:
        """The names."""
        return {"names": listed(self.names)}

    def execute(self, topology: Topology, each: str | None = None) -> None:
        """Removes one after another."""
        for name in self.names:
            remove(topology, bound(name, each))

    def code(self) -> list[str]:
        """A call for each node."""
        return [f"remove(graph, {coded(name)})" for name in self.names]

    def focus(self, topology: Topology) -> frozenset[str]:
        """The nodes that contain them."""
        return frozenset(parent for name in self.names for parent in topology.parents(name))

    def leaves(self) -> frozenset[str]:
        """All that does not ask for something to be there."""
        return super().leaves() - {"no_isolated_node", "switch_has_port", "switch_bandwidth"}


def remove(topology: Topology, name: str) -> None:
    """Takes a node away and, at every depth, what is then contained in nothing."""
    below = topology.children(name)
    topology.remove_node(name)
    for child in below:
        if child in topology.nodes and not topology.parents(child):
            remove(topology, child)
