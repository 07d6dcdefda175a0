"""Questions: operations about a selection that change nothing."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Self

from infraray.scenarios.capacity_planning.operations.operation import Operation
from infraray.scenarios.capacity_planning.operations.phrasing import Voice
from infraray.scenarios.capacity_planning.operations.selection import Selection
from infraray.scenarios.capacity_planning.topology import Topology


@dataclass(frozen=True)
class Question(Operation):
    """Asks about nodes.

    Args:
        selection: the nodes.
    """

    selection: Selection

    @classmethod
    def draw(cls, topology: Topology, random: Random, near: str | None = None) -> Self:
        """Draws the nodes and bounds on their capacity."""
        return cls(Selection.draw(topology, random, near).within_bounds(topology, random))

    def words(self, voice: Voice) -> dict[str, str]:
        """The nodes."""
        return {"selection": self.selection.say(voice)}

    def focus(self, topology: Topology) -> frozenset[str]:
        """Nothing, as it changes nothing."""
        return frozenset()
