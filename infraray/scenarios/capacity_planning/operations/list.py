"""List: the names of nodes."""

from __future__ import annotations

from dataclasses import dataclass

from infraray.scenarios.capacity_planning.operations.phrasing import phrasings
from infraray.scenarios.capacity_planning.operations.question import Question
from infraray.scenarios.capacity_planning.topology import Topology


@dataclass(frozen=True)
class List(Question):
    """Lists nodes by their names."""

    PHRASINGS = phrasings(
        "List {selection}.",
        "Give the names of {selection}.",
        "Name {selection}.",
        "Which are {selection}?",
        held_out=("Enumerate {selection}.", "An inventory by name is needed of {selection}."),
    )
    gives = "list"

    def execute(self, topology: Topology, each: str | None = None) -> list[str]:
        """The names, sorted."""
        return self.selection.nodes(topology)

    def code(self) -> list[str]:
        """One line."""
        return [f"answer = {self.selection.code()}"]
