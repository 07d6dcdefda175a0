"""The nodes that an operation is about: of a kind, below a node, with a capacity within bounds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cache
from random import Random

from infraray.scenarios.capacity_planning.hierarchy import KINDS
from infraray.scenarios.capacity_planning.operations.naming import coded, said
from infraray.scenarios.capacity_planning.operations.operation import GBPS, MBPS, NothingToDraw
from infraray.scenarios.capacity_planning.operations.phrasing import Voice, phrasings
from infraray.scenarios.capacity_planning.topology import Topology

DIRECT = phrasings(
    "the {plural} directly under {parent}",
    "the {plural} that are direct children of {parent}",
    held_out=("the {plural} that {parent} contains itself (with no level in between)",),
)
DEEP = phrasings(
    "the {plural} anywhere under {parent}",
    "the {plural} below {parent} at any depth",
    held_out=("all {plural} to be found beneath {parent} (however deep)",),
)
BOUNDS = phrasings(
    "whose capacity is from {low} to {high} bit/s",
    "with a capacity of at least {low} and at most {high} bit/s",
    held_out=("that offer no less than {low} bit/s and no more than {high} bit/s of capacity",),
)

MAX_SWITCHES = 64
"""Under the parent that is drawn; what holds more takes too long."""

MAX_SWITCHES_WITH_PORTS = 20
"""Where all their ports are drawn: more make answers that nobody can read."""


@dataclass(frozen=True)
class Selection:
    """Nodes, in the order of their names.

    Args:
        kind: they have it among their types.
        parent: what contains them.
        deep: at any depth, not only as its children.
        low: the smallest capacity that counts, in bit/s.
        high: the largest; None with ``low`` for any capacity.
    """

    kind: str
    parent: str
    deep: bool
    low: int | None = None
    high: int | None = None

    @classmethod
    def draw(
        cls, topology: Topology, random: Random, near: str | None = None, kinds: Collection[str] = tuple(KINDS)
    ) -> Selection:
        """Draws a parent, which is ``near`` or a node above it if given, and at least two nodes of one of the kinds.

        Raises:
            NothingToDraw: the draw has no such nodes, or too many.
        """
        parent = some_parent(topology, random) if near is None else _at_or_above(topology, random, near)
        own = topology.nodes[parent]["type"]
        holder = random.choice([kind for kind in own if KINDS[kind].contains])
        deep = random.random() < 0.5
        below = _reachable(holder) if deep else frozenset(KINDS[holder].contains)
        possible = below.intersection(kinds).difference(own)
        if not possible:
            raise NothingToDraw
        selection = cls(random.choice(sorted(possible)), parent, deep)
        most = MAX_SWITCHES_WITH_PORTS if selection.kind == "EK_PORT" else MAX_SWITCHES
        if len(topology.below(parent, "EK_PACKET_SWITCH")) > most or len(selection.nodes(topology)) < 2:
            raise NothingToDraw
        return selection

    def within_bounds(self, topology: Topology, random: Random) -> Selection:
        """The same with bounds that some of the nodes' capacities keep, any number of them as often as another."""
        capacities = sorted({topology.bandwidth(name) for name in self.nodes(topology)})
        size = random.randint(1, len(capacities))
        start = random.randint(0, len(capacities) - size)
        below = capacities[start - 1] if start else max(0, capacities[0] - 10 * GBPS)
        last = capacities[start + size - 1]
        above = capacities[start + size] if start + size < len(capacities) else last + 10 * GBPS
        low = random.randint(below // MBPS + 1, max(capacities[start] // MBPS, below // MBPS + 1))
        high = random.randint(last // MBPS, max(above // MBPS - 1, last // MBPS))
        return replace(self, low=low * MBPS, high=max(low, high) * MBPS)

    def nodes(self, topology: Topology) -> list[str]:
        """The nodes' names, sorted."""
        look = topology.below if self.deep else topology.children
        names = look(self.parent, self.kind)
        if self.low is None or self.high is None:
            return names
        return [name for name in names if self.low <= topology.bandwidth(name) <= self.high]

    def say(self, voice: Voice) -> str:
        """The nodes in English, such as "the ports directly under `dc1.sb1.ab1.sw1`"."""
        words = {"plural": KINDS[self.kind].plural, "parent": said(self.parent), "low": self.low, "high": self.high}
        parts = [DEEP if self.deep else DIRECT] + ([BOUNDS] if self.low is not None else [])
        return " ".join(voice.choose(part).format(**words) for part in parts)

    def code(self) -> str:
        """An expression that gives the names in Python."""
        look = "below" if self.deep else "children"
        names = f"{look}(graph, {coded(self.parent)}, {self.kind!r})"
        if self.low is None:
            return f"sorted({names})"
        return f"sorted(name for name in {names} if {self.low} <= capacity(graph, name) <= {self.high})"


def some_parent(topology: Topology, random: Random) -> str:
    """A node of a kind that contains others; each kind as often as another.

    Raises:
        NothingToDraw: there is none of the kind.
    """
    parents = topology.of_kind(random.choice([kind.name for kind in KINDS.values() if kind.contains]))
    if not parents:
        raise NothingToDraw
    return random.choice(parents)


def _at_or_above(topology: Topology, random: Random, near: str) -> str:
    """A node that contains others, at ``near`` or up to two levels above."""
    for _ in range(random.randint(0, 2)):
        parents = topology.parents(near)
        if not parents:
            break
        near = random.choice(parents)
    if not any(KINDS[kind].contains for kind in topology.nodes[near]["type"]):
        raise NothingToDraw
    return near


@cache
def _reachable(kind: str) -> frozenset[str]:
    """The kinds that may lie below a kind, by the hierarchy."""
    found: set[str] = set()
    stack = [kind]
    while stack:
        new = set(KINDS[stack.pop()].contains) - found
        found |= new
        stack += new
    return frozenset(found)
