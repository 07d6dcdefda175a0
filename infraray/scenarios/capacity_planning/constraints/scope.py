"""What a constraint looks at, one by one: nodes, or edges; and which of them again after changes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import Generic, TypeVar

from infraray.scenarios.capacity_planning.changes import Edge
from infraray.scenarios.capacity_planning.topology import Topology

Subject = TypeVar("Subject", str, Edge)


class Scope(ABC, Generic[Subject]):
    """The nodes, or the edges, that something is claimed about."""

    @abstractmethod
    def all(self, topology: Topology) -> Collection[Subject]:
        """All of them."""

    @abstractmethod
    def holds(self, topology: Topology, subject: Subject) -> bool:
        """Whether this is one of them."""

    @abstractmethod
    def affected(self, topology: Topology, names: Collection[str]) -> set[Subject]:
        """Those for which a claim may have become true or false when these nodes, or edges at them, changed."""


@dataclass(frozen=True)
class Nodes(Scope[str]):
    """Nodes of a kind, or all.

    Args:
        kind: their kind, None for all.
        with_children: whether a node is judged by what it contains as well as by its own attributes and edges.
    """

    kind: str | None = None
    with_children: bool = False

    def all(self, topology: Topology) -> Collection[str]:
        """All nodes of the kind."""
        return topology.nodes if self.kind is None else topology.of_kind(self.kind)

    def holds(self, topology: Topology, subject: str) -> bool:
        """Whether there is such a node and it is of the kind."""
        return subject in topology.nodes if self.kind is None else topology.is_of(subject, self.kind)

    def affected(self, topology: Topology, names: Collection[str]) -> set[str]:
        """The changed nodes, and what contains them if that is judged by them."""
        judged = {name for name in names if name in topology.nodes}
        if self.with_children:
            judged.update([parent for name in judged for parent in topology.parents(name)])
        return {name for name in judged if self.holds(topology, name)}


class Edges(Scope[Edge]):
    """All edges, each judged by its relationships and by the attributes of its ends."""

    def all(self, topology: Topology) -> Collection[Edge]:
        """All edges."""
        return topology.edges

    def holds(self, topology: Topology, subject: Edge) -> bool:
        """Whether there is such an edge."""
        return subject in topology.edges

    def affected(self, topology: Topology, names: Collection[str]) -> set[Edge]:
        """All edges at the changed nodes."""
        return {edge for name in names if name in topology.nodes for edge in topology.edges_of(name)}
