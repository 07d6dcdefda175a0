"""What an operation is: it can be drawn, said in English, executed, and written as code."""

from __future__ import annotations

from abc import ABC, abstractmethod
from random import Random
from typing import ClassVar

from infraray.scenarios.capacity_planning.constraints import CONSTRAINTS
from infraray.scenarios.capacity_planning.operations.phrasing import Phrasing, Voice
from infraray.scenarios.capacity_planning.topology import Topology

Result = int | list[str] | list[tuple[str, int]]
"""A number, names, or rows of a name and a capacity in bit/s."""

GBPS = 10**9
MBPS = 10**6
MAX_GBPS = 400
"""Of the capacities that are drawn; they have whole Mbit/s, so that no two tasks are alike."""


class NothingToDraw(Exception):
    """The topology has no operands for what was to be drawn; another draw may find some."""


class Operation(ABC):
    """One operation with its operands; a value, which never changes.

    Attributes:
        PHRASINGS: the ways to say it, with the fields of `words` in braces.
        gives: the kind of answer: ``graph`` of a change; ``number``, ``list`` or ``table`` of a question.
    """

    PHRASINGS: ClassVar[tuple[Phrasing, ...]]
    gives: ClassVar[str] = "graph"

    @classmethod
    @abstractmethod
    def draw(cls, topology: Topology, random: Random, near: str | None = None) -> Operation:
        """Draws operands that the topology has, about a node or below it if one is given.

        Raises:
            NothingToDraw: there are none.
        """

    @classmethod
    def draw_for_each(cls, kind: str, random: Random) -> Operation | None:
        """What the body of a loop does to every node of a kind; None where it does nothing with such nodes."""
        return None

    @abstractmethod
    def words(self, voice: Voice) -> dict[str, str]:
        """The operands in words, by the names that the phrasings have for them."""

    def say(self, voice: Voice) -> str:
        """The operation as an English sentence."""
        return voice.choose(self.PHRASINGS).format(**self.words(voice))

    @abstractmethod
    def execute(self, topology: Topology, each: str | None = None) -> Result | None:
        """Changes the topology, or gives the answer to the question that it is.

        Args:
            topology: what it works on.
            each: the node at hand, in a loop.
        """

    @abstractmethod
    def code(self) -> list[str]:
        """Lines of Python that do the same to ``graph`` or set ``answer``; they call functions of `truth`."""

    @abstractmethod
    def focus(self, topology: Topology) -> frozenset[str]:
        """Nodes below which it changes something, before it is executed; a question about those comes next."""

    def may_follow(self, earlier: Operation) -> bool:
        """Whether it makes sense after another: after a change anything does, and nothing follows a question."""
        return earlier.gives == "graph"

    def leaves(self) -> frozenset[str]:
        """Names of the constraints that it cannot break, whatever operands it drew: all, unless it says otherwise."""
        return frozenset(constraint.name for constraint in CONSTRAINTS)
