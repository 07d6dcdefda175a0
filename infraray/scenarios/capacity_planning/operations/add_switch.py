"""Add a packet switch, with its ports, to a block or a control domain."""

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

BLOCKS = ("EK_AGG_BLOCK", "EK_SPINEBLOCK")
MIN_PORTS, MAX_PORTS = 2, 16


@dataclass(frozen=True)
class AddSwitch(Operation):
    """Adds a packet switch.

    Args:
        name: of the switch; its ports are ``name.p1``, ``name.p2`` and so on.
        parent: what contains it from now on.
        ports: how many it brings.
        capacity: of each port, in bit/s.
    """

    name: str
    parent: str
    ports: int
    capacity: int

    PHRASINGS = phrasings(
        "Add a new packet switch named {name} with {ports} ports of {capacity} bit/s each to {parent}.",
        "Add to {parent} the new packet switch {name}, which has {ports} ports with a capacity of {capacity} bit/s "
        "each.",
        "Create a packet switch {name} under {parent}, with {ports} ports of {capacity} bit/s each.",
        "Attach a packet switch called {name} to {parent}; it has {ports} ports, each with physical_capacity_bps "
        "{capacity}.",
        held_out=(
            "{parent} shall get one more packet switch; call it {name} and give it {ports} ports, each rated at "
            "{capacity} bit/s.",
            "Extend {parent} by a packet switch of {ports} ports with {capacity} bit/s each; its name is {name}.",
        ),
    )

    @classmethod
    def draw(cls, topology: Topology, random: Random, near: str | None = None) -> AddSwitch:
        """Draws what contains it, a name that is free, the number of ports and their capacity."""
        parent = some_place(topology, random, SWITCH, near)
        return cls(f"new_{SWITCH}_{some_number(random)}", parent, *_some_ports(random))

    @classmethod
    def draw_for_each(cls, kind: str, random: Random) -> AddSwitch | None:
        """A switch for every block."""
        if kind not in BLOCKS:
            return None
        return cls(f"{EACH}.new_switch_{some_number(random)}", EACH, *_some_ports(random))

    def words(self, voice: Voice) -> dict[str, str]:
        """Name, parent, number of ports and their capacity."""
        return {
            "name": said(self.name),
            "parent": said(self.parent),
            "ports": str(self.ports),
            "capacity": str(self.capacity),
        }

    def execute(self, topology: Topology, each: str | None = None) -> None:
        """Adds the switch below its parent, and the ports below the switch."""
        name = bound(self.name, each)
        contain(topology, bound(self.parent, each), name, SWITCH)
        for number in range(1, self.ports + 1):
            contain(topology, name, f"{name}.p{number}", PORT, physical_capacity_bps=self.capacity)

    def code(self) -> list[str]:
        """A call, and one more for each port."""
        return [
            f"switch = {coded(self.name)}",
            f"add(graph, {coded(self.parent)}, switch, {SWITCH!r})",
            f"for number in range(1, {self.ports + 1}):",
            "    port = switch + '.p' + str(number)",
            f"    add(graph, switch, port, {PORT!r}, physical_capacity_bps={self.capacity})",
        ]

    def focus(self, topology: Topology) -> frozenset[str]:
        """The node that contains it."""
        return frozenset({self.parent})


def _some_ports(random: Random) -> tuple[int, int]:
    """A number of ports and a capacity in bit/s."""
    return random.randint(MIN_PORTS, MAX_PORTS), some_capacity(random)
