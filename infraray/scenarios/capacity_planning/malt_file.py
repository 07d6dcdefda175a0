"""Reads a topology from a MALT model in protocol buffers' text format.

Google's public example (https://github.com/google/malt-example-models) is such a file: blocks ``entity`` with an ``id``
of ``kind`` and ``name`` and blocks of attributes, and blocks ``relationship`` with a ``kind`` from ``a`` to ``z``.
"""

from __future__ import annotations

from typing import Any

from infraray.errors import InfrarayError
from infraray.file_content import parsed_once
from infraray.scenarios.capacity_planning.constraints import violations
from infraray.scenarios.capacity_planning.entities import Entity, EntityId, Relationship, merged
from infraray.scenarios.capacity_planning.hierarchy import KINDS, RELATIONSHIPS
from infraray.scenarios.capacity_planning.text_proto import Field, read_fields
from infraray.scenarios.capacity_planning.topology import Topology


@parsed_once("capacity_planning", keep=4)
def load_malt(name: str, content: bytes) -> Topology:
    """Reads a topology from ``load_malt(path)``; it is shared, so copy it before it is changed.

    Raises:
        InfrarayError: one line with the file, the line where there is one, and what is wrong; also if a constraint
            does not hold.
    """
    model = _Model(name)
    for field in read_fields(name, content):
        match field.name:
            case "entity":
                model.add_entity(field)
            case "relationship":
                model.add_relationship(field)
            case other:
                raise model.refusal(field, f"{other}: must be entity or relationship")
    return model.topology()


class _Model:
    """What has been read so far of a file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.entities: dict[EntityId, Entity] = {}
        self.relationships: dict[Relationship, Field] = {}
        self.attributes: dict[tuple[str, str], Any] = {}  # by the entity's name, which several may share, and their own

    def refusal(self, field: Field, reason: str) -> InfrarayError:
        return InfrarayError(f"{self.name}: line {field.line}: {reason}")

    def add_entity(self, block: Field) -> None:
        made = self.id_of(self.only(block, "id"))
        if made in self.entities:
            raise self.refusal(block, f"a second entity with kind {made.kind} and name {made.name!r}")
        attributes: dict[str, Any] = {}
        for field in block.value:
            if field.name != "id":
                attributes |= self.attributes_of(made, field)
        self.entities[made] = Entity(made, attributes)

    def attributes_of(self, owner: EntityId, block: Field) -> dict[str, Any]:
        fields = self.fields_of(block)
        found: dict[str, Any] = _plain(fields)
        for field in fields:
            if field.name in ("name", "type"):
                raise self.refusal(field, f"{owner.name}: an attribute cannot be called {field.name}")
            value = found[field.name]
            if self.attributes.setdefault((owner.name, field.name), value) != value:
                raise self.refusal(field, f"{owner.name}: {field.name} has another value already")
        return found

    def add_relationship(self, block: Field) -> None:
        kind = self.only(block, "kind")
        if kind.value not in RELATIONSHIPS:
            raise self.refusal(kind, f"kind {kind.value!r}: must be one of {', '.join(RELATIONSHIPS)}")
        ends = (self.id_of(self.only(block, end)) for end in ("a", "z"))
        self.relationships[Relationship(kind.value, *ends)] = block

    def id_of(self, block: Field) -> EntityId:
        kind, name = self.only(block, "kind"), self.only(block, "name")
        if kind.value not in KINDS:
            raise self.refusal(kind, f"kind {kind.value!r}: must be one of {', '.join(KINDS)}")
        if not isinstance(name.value, str) or not name.value.isprintable() or name.value.split() != [name.value]:
            raise self.refusal(name, f"name {name.value!r}: must be a string of printable characters without blanks")
        return EntityId(kind.value, name.value)

    def fields_of(self, block: Field) -> list[Field]:
        if not isinstance(block.value, list):
            raise self.refusal(block, f"{block.name}: must be a block in braces")
        return block.value

    def only(self, block: Field, name: str) -> Field:
        found = [field for field in self.fields_of(block) if field.name == name]
        if len(found) != 1:
            raise self.refusal(block, f"{block.name}: must have one {name}, has {len(found)}")
        return found[0]

    def topology(self) -> Topology:
        if not self.entities:
            raise InfrarayError(f"{self.name}: holds no entity")
        for relationship, block in self.relationships.items():
            for end in (relationship.start, relationship.end):
                if end not in self.entities:
                    raise self.refusal(block, f"no entity with kind {end.kind} and name {end.name!r}")
        made = merged(self.entities.values(), self.relationships)
        broken = violations(made)
        if broken:
            raise InfrarayError(f"{self.name}: {broken[0].message} (constraint {broken[0].constraint})")
        return made


def _plain(value: Any) -> Any:
    """A message as a dictionary; a field that is repeated in it becomes a list."""
    if not isinstance(value, list):
        return value
    found: dict[str, list[Any]] = {}
    for field in value:
        found.setdefault(field.name, []).append(_plain(field.value))
    return {name: values if len(values) > 1 else values[0] for name, values in found.items()}
