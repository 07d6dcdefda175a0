"""A datacenter's topology: nodes with attributes, edges with relationships, and changes that can be undone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from infraray.errors import InfrarayError
from infraray.scenarios.capacity_planning.changes import Change, Changes, Edge
from infraray.scenarios.capacity_planning.hierarchy import RK_CONTAINS

if TYPE_CHECKING:
    import networkx


def kinds_of(attributes: Mapping[str, Any]) -> list[str]:
    """A node's kinds; none where ``type`` is not a list of strings, as in what an agent may have made."""
    kinds = attributes.get("type")
    return [kind for kind in kinds if isinstance(kind, str)] if isinstance(kinds, list) else []


@dataclass
class Descent:
    """What was found out about all that is below a node; forgotten when something there changes.

    Args:
        nodes: without the node itself.
        sorted: those of a kind, or all.
        bandwidth: of the node in bit/s.
    """

    nodes: set[str]
    sorted: dict[str | None, list[str]] = field(default_factory=dict)
    bandwidth: int | None = None


class Topology:
    """Nodes by name and edges by their ends.

    Attributes:
        nodes: a node's attributes, with ``name`` and ``type``, the list of its kinds (a switch, its chassis and its
            control point share a name and so are one node of three kinds).
        edges: the relationships from the first node to the second.

    Both are to be read; `add_node` and the other methods change them, and a node's attributes are never changed in
    place, so that a `Change` may keep them. What is below a node, and its capacity, is remembered until something there
    changes.
    """

    def __init__(self) -> None:
        self.nodes: dict[str, dict[str, Any]] = {}
        self.edges: dict[Edge, frozenset[str]] = {}
        self._successors: dict[str, set[str]] = {}
        self._predecessors: dict[str, set[str]] = {}
        self._children: dict[str, set[str]] = {}
        self._parents: dict[str, set[str]] = {}
        self._kinds: dict[str, set[str]] = {}
        self._descents: dict[str, Descent] = {}
        self._journal: list[Change] = []
        self._open = 0

    def children(self, name: str, kind: str | None = None) -> list[str]:
        """What a node contains beside itself, of a kind if one is given; sorted."""
        return self._sorted(self._children[name], kind)

    def parents(self, name: str, kind: str | None = None) -> list[str]:
        """What contains a node beside itself, of a kind if one is given; sorted."""
        return self._sorted(self._parents[name], kind)

    def below(self, name: str, kind: str | None = None) -> list[str]:
        """All that a node contains, at any depth, without itself; of a kind if one is given; sorted."""
        descent = self._descent(name)
        if kind not in descent.sorted:
            descent.sorted[kind] = self._sorted(descent.nodes, kind)
        return list(descent.sorted[kind])

    def edges_of(self, name: str) -> set[Edge]:
        """All edges that start or end at a node."""
        return {(name, end) for end in self._successors[name]} | {(start, name) for start in self._predecessors[name]}

    def of_kind(self, kind: str) -> list[str]:
        """All nodes of a kind, sorted."""
        return sorted(self._kinds.get(kind, ()))

    def is_of(self, name: str, kind: str) -> bool:
        """Whether a node has this kind among its own."""
        return name in self._kinds.get(kind, ())

    def bandwidth(self, name: str) -> int:
        """Capacity of a node in bit/s: that of all ports at it and below."""
        if not self._children[name]:
            return self.nodes[name]["physical_capacity_bps"] if self.is_of(name, "EK_PORT") else 0
        descent = self._descent(name)
        if descent.bandwidth is None:
            ports = self._kinds.get("EK_PORT", set()) & (descent.nodes | {name})
            descent.bandwidth = sum(self.nodes[port]["physical_capacity_bps"] for port in ports)
        return descent.bandwidth

    def add_node(self, name: str, kinds: Iterable[str], **attributes: Any) -> None:
        """A new node; `KeyError` if there is one of this name."""
        if name in self.nodes:
            raise KeyError(name)
        self._put_node(name, {"name": name, "type": list(kinds), **attributes})

    def remove_node(self, name: str) -> None:
        """Takes a node away, and every edge that starts or ends there."""
        for edge in sorted(self.edges_of(name)):
            self._put_edge(edge, None)
        self._put_node(name, None)

    def set_attribute(self, name: str, attribute: str, value: Any) -> None:
        """Gives a node's attribute a value."""
        self._put_node(name, {**self.nodes[name], attribute: value})

    def add_edge(self, start: str, end: str, relationship: str) -> None:
        """Adds a relationship to what two nodes have; `KeyError` if there is no such node."""
        for name in (start, end):
            if name not in self.nodes:
                raise KeyError(name)
        self._put_edge((start, end), self.edges.get((start, end), frozenset()) | {relationship})

    def remove_edge(self, start: str, end: str) -> None:
        """Takes an edge away with all its relationships."""
        if (start, end) not in self.edges:
            raise KeyError((start, end))
        self._put_edge((start, end), None)

    @contextmanager
    def changes(self) -> Iterator[Changes]:
        """What the block changes; blocks may lie within one another, and an exception ends one like any other end."""
        made = Changes()
        start = len(self._journal)
        self._open += 1
        try:
            yield made
        finally:
            made.entries = self._journal[start:]
            self._open -= 1
            if not self._open:
                self._journal = []

    def undo(self, changes: Changes) -> None:
        """Takes back the changes, which must be the last ones that were made."""
        for key, before, after in reversed(changes.entries):
            put, held = (self._put_node, self.nodes) if isinstance(key, str) else (self._put_edge, self.edges)
            if held.get(key) is not after:
                raise ValueError(f"cannot undo: {key!r} has changed since")
            put(key, before)

    def apply(self, changes: Iterable[Change]) -> None:
        """Makes each node and edge what it is after its change, in any order; what it was before is not looked at.

        Raises:
            KeyError: what is to go is not there, or an edge has an end that is no node; the topology is as it was.
        """
        listed = list(changes)
        try:
            with self.changes() as made:
                for key, _, after in listed:
                    if not isinstance(key, str) and after is None:
                        self._put_edge(key, None)
                for key, _, after in listed:
                    if isinstance(key, str):
                        if after is None and self.edges_of(key):
                            raise KeyError(key)
                        self._put_node(key, after)
                for key, _, after in listed:
                    if not isinstance(key, str) and after is not None:
                        self._put_edge(key, after)
        except KeyError:
            self.undo(made)
            raise

    def copy(self) -> Topology:
        """An equal topology; the two share no change that follows."""
        return Topology.of(self.nodes.items(), self.edges.items())

    @classmethod
    def of(cls, nodes: Iterable[tuple[str, dict[str, Any]]], edges: Iterable[tuple[Edge, Iterable[str]]]) -> Topology:
        """The topology of these nodes with their attributes and these edges with their relationships.

        What an agent returns is read by this too: any attributes are taken, for the constraints to judge.

        Raises:
            KeyError: an end of an edge is no node; the error names it.
        """
        made = cls()
        for name, attributes in nodes:
            made._put_node(name, attributes)
        for edge, relationships in edges:
            made._put_edge(edge, frozenset(relationships))
        return made

    def to_data(self) -> dict[str, list[list[Any]]]:
        """Nodes as [name, attributes] and edges as [start, end, relationships], each sorted: what JSON can hold."""
        return {
            "nodes": [[name, self.nodes[name]] for name in sorted(self.nodes)],
            "edges": [[*edge, sorted(self.edges[edge])] for edge in sorted(self.edges)],
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Topology:
        """The inverse of `to_data`, also after JSON."""
        return cls.of(
            ((name, attributes) for name, attributes in data["nodes"]),
            (((start, end), relationships) for start, end, relationships in data["edges"]),
        )

    def to_networkx(self) -> networkx.DiGraph[str]:
        """What an agent's code gets: node attributes as they are, an edge's relationships as the list ``type``.

        Nodes and edges come in the order of their names, so that equal topologies give graphs that look alike.

        Raises:
            InfrarayError: NetworkX is not installed.
        """
        try:
            import networkx
        except ImportError:
            raise InfrarayError("capacity_planning needs NetworkX: pip install 'infraray[capacity]'") from None
        graph: networkx.DiGraph[str] = networkx.DiGraph()
        graph.add_nodes_from((name, deepcopy(self.nodes[name])) for name in sorted(self.nodes))
        graph.add_edges_from((*edge, {"type": sorted(self.edges[edge])}) for edge in sorted(self.edges))
        return graph

    def _sorted(self, names: set[str], kind: str | None) -> list[str]:
        """Names of a kind, or all."""
        return sorted(names if kind is None else names & self._kinds.get(kind, set()))

    def _descent(self, name: str) -> Descent:
        """What lies below a node; found by what is known of those below it, where it is."""
        if name not in self._descents:
            found = {name}
            stack = [name]
            while stack:
                for child in self._children[stack.pop()] - found:
                    found.add(child)
                    if child in self._descents:
                        found |= self._descents[child].nodes
                    elif self._children[child]:
                        stack.append(child)
            self._descents[name] = Descent(found - {name})
        return self._descents[name]

    def _forget(self, name: str) -> None:
        """Drops what was found out about a node and about all that it is below, because it changes."""
        stack, seen = [name], {name}
        while stack:
            node = stack.pop()
            self._descents.pop(node, None)
            for parent in self._parents.get(node, ()):
                if parent not in seen:
                    seen.add(parent)
                    stack.append(parent)

    def _put_node(self, name: str, attributes: dict[str, Any] | None) -> None:
        """The one place where nodes change: what the node is from now on, None for gone."""
        before = self.nodes.get(name)
        self._forget(name)
        if before is not None:
            for kind in kinds_of(before):
                self._kinds[kind].discard(name)
        if attributes is None:
            del self.nodes[name]
            for ends in (self._successors, self._predecessors, self._children, self._parents):
                del ends[name]
        else:
            if name not in self.nodes:
                for ends in (self._successors, self._predecessors, self._children, self._parents):
                    ends[name] = set()
            self.nodes[name] = attributes
            for kind in kinds_of(attributes):
                self._kinds.setdefault(kind, set()).add(name)
        if self._open:
            self._journal.append(Change(name, before, attributes))

    def _put_edge(self, edge: Edge, relationships: frozenset[str] | None) -> None:
        """The one place where edges change: what relates the ends from now on, None for nothing."""
        start, end = edge
        before = self.edges.get(edge)
        successors, predecessors = self._successors[start], self._predecessors[end]
        self._forget(start)
        if relationships is None:
            del self.edges[edge]
            successors.discard(end)
            predecessors.discard(start)
        else:
            self.edges[edge] = relationships
            successors.add(end)
            predecessors.add(start)
        if start != end and relationships is not None and RK_CONTAINS in relationships:
            self._children[start].add(end)
            self._parents[end].add(start)
        else:
            self._children[start].discard(end)
            self._parents[end].discard(start)
        if self._open:
            self._journal.append(Change(edge, before, relationships))
