"""Update the capacity of ports."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from infraray.scenarios.capacity_planning.operations.change import PORT, some_capacity, some_nodes
from infraray.scenarios.capacity_planning.operations.naming import EACH, bound, coded, listed
from infraray.scenarios.capacity_planning.operations.operation import Operation
from infraray.scenarios.capacity_planning.operations.phrasing import Voice, phrasings
from infraray.scenarios.capacity_planning.topology import Topology

MAX_PORTS = 4


@dataclass(frozen=True)
class Update(Operation):
    """Sets the capacity of ports.

    Args:
        names: the ports, sorted.
        capacity: of each from now on, in bit/s.
    """

    names: tuple[str, ...]
    capacity: int

    PHRASINGS = phrasings(
        "Set the capacity of {names} to {capacity} bit/s.",
        "Update physical_capacity_bps to {capacity} for {names}.",
        "Change the capacity to {capacity} bit/s for {names}.",
        "Give {names} a capacity of {capacity} bit/s.",
        held_out=(
            "From now on {capacity} bit/s is the capacity of {names}.",
            "Rerate {names}; the new figure is {capacity} bit/s.",
        ),
    )

    @classmethod
    def draw(cls, topology: Topology, random: Random, near: str | None = None) -> Update:
        """Draws some ports and their new capacity."""
        number = random.randint(1, MAX_PORTS)
        return cls(some_nodes(topology, random, PORT, number, near), some_capacity(random))

    @classmethod
    def draw_for_each(cls, kind: str, random: Random) -> Update | None:
        """Every port that the loop comes to."""
        return cls((EACH,), some_capacity(random)) if kind == PORT else None

    def words(self, voice: Voice) -> dict[str, str]:
        """The names and the capacity."""
        names = listed(self.names)
        return {"names": f"each of {names}" if len(self.names) > 1 else names, "capacity": str(self.capacity)}

    def execute(self, topology: Topology, each: str | None = None) -> None:
        """Sets one after another."""
        for name in self.names:
            topology.set_attribute(bound(name, each), "physical_capacity_bps", self.capacity)

    def code(self) -> list[str]:
        """A line for each port."""
        return [f"graph.nodes[{coded(name)}]['physical_capacity_bps'] = {self.capacity}" for name in self.names]

    def focus(self, topology: Topology) -> frozenset[str]:
        """The switches."""
        return frozenset(parent for name in self.names for parent in topology.parents(name))
