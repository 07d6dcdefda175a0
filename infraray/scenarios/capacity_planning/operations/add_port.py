"""Add a port to a packet switch."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from infraray.scenarios.capacity_planning.operations.change import (
    PORT,
    SWITCH,
    contain,
    some_capacity,
    some_number,
    some_place,
)
from infraray.scenarios.capacity_planning.operations.naming import EACH, bound, coded, said
from infraray.scenarios.capacity_planning.operations.operation import Operation
from infraray.scenarios.capacity_planning.operations.phrasing import Voice, phrasings
from infraray.scenarios.capacity_planning.topology import Topology


@dataclass(frozen=True)
class AddPort(Operation):
    """Adds a port.

    Args:
        name: of the port.
        parent: the switch that contains it from now on.
        capacity: in bit/s.
    """

    name: str
    parent: str
    capacity: int

    PHRASINGS = phrasings(
        "Add a new port named {name} with a capacity of {capacity} bit/s to {parent}.",
        "Add to {parent} the new port {name}, whose capacity is {capacity} bit/s.",
        "Create a port {name} of {capacity} bit/s under {parent}.",
        "Attach a port called {name} with physical_capacity_bps {capacity} to {parent}.",
        held_out=(
            "{parent} shall get one more port; call it {name} and rate it at {capacity} bit/s.",
            "Fit {parent} with an extra port of {capacity} bit/s by the name of {name}.",
        ),
    )

    @classmethod
    def draw(cls, topology: Topology, random: Random, near: str | None = None) -> AddPort:
        """Draws the switch, a name that is free, and the capacity."""
        parent = some_place(topology, random, PORT, near)
        return cls(f"new_{PORT}_{some_number(random)}", parent, some_capacity(random))

    @classmethod
    def draw_for_each(cls, kind: str, random: Random) -> AddPort | None:
        """A port for every switch."""
        if kind != SWITCH:
            return None
        return cls(f"{EACH}.new_port_{some_number(random)}", EACH, some_capacity(random))

    def words(self, voice: Voice) -> dict[str, str]:
        """Name, parent and capacity."""
        return {"name": said(self.name), "parent": said(self.parent), "capacity": str(self.capacity)}

    def execute(self, topology: Topology, each: str | None = None) -> None:
        """Adds the node and the edge."""
        contain(topology, bound(self.parent, each), bound(self.name, each), PORT, physical_capacity_bps=self.capacity)

    def code(self) -> list[str]:
        """One call."""
        name, parent = coded(self.name), coded(self.parent)
        return [f"add(graph, {parent}, {name}, {PORT!r}, physical_capacity_bps={self.capacity})"]

    def focus(self, topology: Topology) -> frozenset[str]:
        """The switch."""
        return frozenset({self.parent})
