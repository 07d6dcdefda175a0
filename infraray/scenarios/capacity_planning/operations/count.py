"""Count: how many nodes there are."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from infraray.scenarios.capacity_planning.operations.operation import NothingToDraw
from infraray.scenarios.capacity_planning.operations.phrasing import phrasings
from infraray.scenarios.capacity_planning.operations.question import Question
from infraray.scenarios.capacity_planning.operations.selection import Selection
from infraray.scenarios.capacity_planning.topology import Topology

MIN_NODES, MANY_NODES = 10, 30
"""Without bounds: as few as may be counted, and as many that no number is likely; fewer are drawn seldom."""


@dataclass(frozen=True)
class Count(Question):
    """Counts nodes."""

    PHRASINGS = phrasings(
        "Count {selection}.",
        "Give the number of {selection}.",
        "Determine the number of {selection}.",
        "What is the number of {selection}?",
        held_out=("A head count is needed of {selection}.", "Tell me the size of this set: {selection}."),
    )
    gives = "number"

    @classmethod
    def draw(cls, topology: Topology, random: Random, near: str | None = None) -> Count:
        """Draws enough nodes that no number is likely."""
        selection = Selection.draw(topology, random, near)
        nodes = len(selection.nodes(topology))
        if nodes < MIN_NODES or (nodes < MANY_NODES and random.random() < 0.75):
            raise NothingToDraw
        return cls(selection.within_bounds(topology, random))

    def execute(self, topology: Topology, each: str | None = None) -> int:
        """The number of nodes."""
        return len(self.selection.nodes(topology))

    def code(self) -> list[str]:
        """One line."""
        return [f"answer = len({self.selection.code()})"]
