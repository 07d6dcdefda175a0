"""Operations made of operations: conditions and loops, and loops with conditions (NetArena, section B.2)."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from infraray.scenarios.capacity_planning.hierarchy import KINDS
from infraray.scenarios.capacity_planning.operations import OPERATIONS, Operation
from infraray.scenarios.capacity_planning.operations.naming import EACH, bound, coded, said
from infraray.scenarios.capacity_planning.operations.operation import MBPS, NothingToDraw
from infraray.scenarios.capacity_planning.operations.phrasing import Voice, phrasings
from infraray.scenarios.capacity_planning.operations.selection import Selection
from infraray.scenarios.capacity_planning.topology import Topology

MAX_ROUNDS = 20
"""Nodes that a drawn loop may go over."""


def changing() -> tuple[type[Operation], ...]:
    """The operations that change something."""
    return tuple(operation for part in OPERATIONS.values() for operation in part if operation.gives == "graph")


@dataclass(frozen=True)
class Condition(Operation):
    """One operation where a node has the capacity, and another or none where it has not.

    Args:
        name: the node.
        minimum: the capacity, in bit/s.
        then: what is done where the node has at least that much.
        otherwise: what is done where it has less, if anything.
    """

    name: str
    minimum: int
    then: Operation
    otherwise: Operation | None

    PHRASINGS = phrasings(
        "If the capacity of {name} is at least {minimum} bit/s: [{then}]{otherwise}",
        "Where {name} has a capacity of {minimum} bit/s or more: [{then}]{otherwise}",
        held_out=("Provided that {name} reaches a capacity of {minimum} bit/s: [{then}]{otherwise}",),
    )
    OTHERWISE = phrasings(
        " Otherwise: [{otherwise}]", " If not: [{otherwise}]", held_out=(" Failing that: [{otherwise}]",)
    )

    @classmethod
    def draw(cls, topology: Topology, random: Random, near: str | None = None) -> Condition:
        """Draws two operations and a capacity about that of a node which the first one changes."""
        then, otherwise = (kind.draw(topology, random, near) for kind in random.sample(changing(), 2))
        name = random.choice(sorted(then.focus(topology)))
        tenths = topology.bandwidth(name) // (10 * MBPS)
        minimum = random.randint(5 * tenths, 15 * tenths) * MBPS
        return cls(name, minimum, then, otherwise if random.random() < 0.7 else None)

    @classmethod
    def draw_among(cls, names: list[str], kind: str, topology: Topology, random: Random) -> Condition:
        """Draws it for the nodes of a loop, so that some have the capacity and some have not."""
        capacities = sorted({topology.bandwidth(name) for name in names})
        if len(capacities) < 2:
            raise NothingToDraw
        place = random.randrange(1, len(capacities))
        minimum = random.randint(capacities[place - 1] // MBPS + 1, capacities[place] // MBPS) * MBPS
        bodies = _bodies(kind, random)
        then, *others = random.sample(bodies, min(2, len(bodies)))
        return cls(EACH, minimum, then, others[0] if others and random.random() < 0.7 else None)

    def words(self, voice: Voice) -> dict[str, str]:
        """The node, the capacity and both operations."""
        otherwise = ""
        if self.otherwise is not None:
            otherwise = voice.choose(self.OTHERWISE).format(otherwise=self.otherwise.say(voice))
        return {
            "name": said(self.name),
            "minimum": str(self.minimum),
            "then": self.then.say(voice),
            "otherwise": otherwise,
        }

    def execute(self, topology: Topology, each: str | None = None) -> None:
        """Executes the one or the other."""
        chosen = self.then if topology.bandwidth(bound(self.name, each)) >= self.minimum else self.otherwise
        if chosen is not None:
            chosen.execute(topology, each)

    def code(self) -> list[str]:
        """An ``if``, with its ``else``."""
        lines = [f"if capacity(graph, {coded(self.name)}) >= {self.minimum}:", *_indented(self.then)]
        return lines if self.otherwise is None else [*lines, "else:", *_indented(self.otherwise)]

    def focus(self, topology: Topology) -> frozenset[str]:
        """What either may change."""
        return frozenset().union(*(part.focus(topology) for part in self._parts))

    def leaves(self) -> frozenset[str]:
        """What both leave."""
        return frozenset.intersection(*(part.leaves() for part in self._parts))

    @property
    def _parts(self) -> list[Operation]:
        return [part for part in (self.then, self.otherwise) if part is not None]


@dataclass(frozen=True)
class Loop(Operation):
    """An operation on each of some nodes.

    Args:
        selection: the nodes, as they are before the first is changed; in the order of their names.
        body: what is done to each.
    """

    selection: Selection
    body: Operation

    PHRASINGS = phrasings(
        "For each node `X` among {selection}: [{body}]",
        "Go through {selection}, and for each of them, named `X`: [{body}]",
        "Do this with every `X` of {selection}: [{body}]",
        held_out=("Let `X` be in turn each of {selection}, and then: [{body}]",),
    )

    @classmethod
    def draw(cls, topology: Topology, random: Random, near: str | None = None) -> Loop:
        """Draws the nodes, and an operation on each."""
        selection = cls._some_nodes(topology, random, near)
        return cls(selection, random.choice(_bodies(selection.kind, random)))

    @classmethod
    def _some_nodes(cls, topology: Topology, random: Random, near: str | None) -> Selection:
        """All or some of those below a node."""
        selection = Selection.draw(topology, random, near, [kind for kind in KINDS if _bodies(kind, random)])
        if random.random() < 0.5:
            selection = selection.within_bounds(topology, random)
        if len(selection.nodes(topology)) > MAX_ROUNDS:
            raise NothingToDraw
        return selection

    def words(self, voice: Voice) -> dict[str, str]:
        """The nodes and what is done."""
        return {"selection": self.selection.say(voice), "body": self.body.say(voice)}

    def execute(self, topology: Topology, each: str | None = None) -> None:
        """Executes the body for one node after the other."""
        for name in self.selection.nodes(topology):
            self.body.execute(topology, name)

    def code(self) -> list[str]:
        """A ``for``."""
        return [f"for each in {self.selection.code()}:", *_indented(self.body)]

    def focus(self, topology: Topology) -> frozenset[str]:
        """What contains the nodes."""
        return frozenset({self.selection.parent})

    def leaves(self) -> frozenset[str]:
        """What the body leaves."""
        return self.body.leaves()


class LoopWithCondition(Loop):
    """A loop whose body is a condition on the node at hand."""

    @classmethod
    def draw(cls, topology: Topology, random: Random, near: str | None = None) -> Loop:
        """Draws the nodes, and the condition so that it holds for some of them."""
        selection = cls._some_nodes(topology, random, near)
        return Loop(selection, Condition.draw_among(selection.nodes(topology), selection.kind, topology, random))


def _bodies(kind: str, random: Random) -> list[Operation]:
    """What may be done to each node of a kind."""
    drawn = [operation.draw_for_each(kind, random) for operation in changing()]
    return [operation for operation in drawn if operation is not None]


def _indented(operation: Operation) -> list[str]:
    return [f"    {line}" for line in operation.code()]
