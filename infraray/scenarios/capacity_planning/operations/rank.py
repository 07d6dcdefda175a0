"""Rank: nodes in the order of their capacity."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import Self

from infraray.scenarios.capacity_planning.operations.phrasing import Voice, phrasings
from infraray.scenarios.capacity_planning.operations.question import Question
from infraray.scenarios.capacity_planning.topology import Topology


@dataclass(frozen=True)
class Rank(Question):
    """Ranks nodes; of equal capacity, by name.

    Args:
        largest_first: or the smallest.
    """

    largest_first: bool = True

    PHRASINGS = phrasings(
        "Rank {selection} by capacity, {first} first.",
        "Sort by capacity, {first} first: {selection}.",
        "Order {selection} by their capacity, beginning with the {first}.",
        "Give {selection} in the order of their capacity, the {first} first.",
        held_out=(
            "Line up {selection}, so that capacity decides and the {first} leads.",
            "A league table by capacity is needed, with the {first} on top, of {selection}.",
        ),
    )
    gives = "table"

    @classmethod
    def draw(cls, topology: Topology, random: Random, near: str | None = None) -> Self:
        """Draws the nodes, bounds on their capacity, and the direction."""
        return replace(super().draw(topology, random, near), largest_first=random.random() < 0.5)

    def words(self, voice: Voice) -> dict[str, str]:
        """The nodes and which of them comes first."""
        return {**super().words(voice), "first": "largest" if self.largest_first else "smallest"}

    def execute(self, topology: Topology, each: str | None = None) -> list[tuple[str, int]]:
        """Rows of a name and a capacity in bit/s."""
        rows = [(name, topology.bandwidth(name)) for name in self.selection.nodes(topology)]
        return sorted(rows, key=lambda row: (-row[1] if self.largest_first else row[1], row[0]))

    def code(self) -> list[str]:
        """Rows, then their order."""
        sign = "-" if self.largest_first else ""
        return [
            f"answer = [(name, capacity(graph, name)) for name in {self.selection.code()}]",
            f"answer.sort(key=lambda row: ({sign}row[1], row[0]))",
        ]
