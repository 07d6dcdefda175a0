"""Entities and relationships as MALT has them, and the topology that they become: one node for each name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from infraray.scenarios.capacity_planning.topology import Topology


class EntityId(NamedTuple):
    """What an entity is known by: entities of different kinds may share a name."""

    kind: str
    name: str


@dataclass(frozen=True)
class Entity:
    """A thing in the datacenter, or a role that it plays."""

    id: EntityId
    attributes: Mapping[str, Any] = field(default_factory=dict)


class Relationship(NamedTuple):
    """A directed relationship between two entities."""

    kind: str
    start: EntityId
    end: EntityId


def merged(entities: Iterable[Entity], relationships: Iterable[Relationship]) -> Topology:
    """The topology in which entities of one name are one node of all their kinds, and parallel relationships one edge.

    A switch, its chassis and its control point become one node, so what relates them becomes an edge to itself.
    """
    nodes: dict[str, dict[str, Any]] = {}
    for entity in entities:
        node = nodes.setdefault(entity.id.name, {"name": entity.id.name, "type": []})
        node["type"] = sorted({*node["type"], entity.id.kind})
        node |= entity.attributes
    edges: dict[tuple[str, str], set[str]] = {}
    for relationship in relationships:
        edges.setdefault((relationship.start.name, relationship.end.name), set()).add(relationship.kind)
    return Topology.of(nodes.items(), edges.items())
