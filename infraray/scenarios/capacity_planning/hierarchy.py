"""The hierarchy of a datacenter's topology as one table: kinds of entities, what each holds, and its attributes.

The generator, the constraints, the tasks' words and the reader of files all go by it. Kinds, relationships and
attributes are those of MALT (Mogul et al., "Experiences with Modeling Network Topologies at Multiple Levels of
Abstraction", NSDI 2020).
"""

from __future__ import annotations

from dataclasses import dataclass

RK_CONTAINS = "RK_CONTAINS"
RK_CONTROLS = "RK_CONTROLS"
RELATIONSHIPS = (RK_CONTAINS, RK_CONTROLS)


@dataclass(frozen=True)
class Attribute:
    """What entities of a kind carry beside name and type."""

    name: str
    type: type
    unit: str = ""
    required: bool = False
    minimum: int = 0  # in the unit


@dataclass(frozen=True)
class EntityKind:
    """A kind of entity: its words, the kinds that it may contain and control, and its attributes."""

    name: str
    noun: str
    plural: str
    contains: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    minimum_bandwidth_bps: int = 0  # what its ports must have together

    def holds(self, relationship: str) -> tuple[str, ...]:
        """Kinds at the other end of an edge of this relationship that starts here."""
        return {RK_CONTAINS: self.contains, RK_CONTROLS: self.controls}.get(relationship, ())


CAPACITY = Attribute("physical_capacity_bps", int, unit="bit/s", required=True, minimum=10**9)

KINDS: dict[str, EntityKind] = {
    kind.name: kind
    for kind in (
        EntityKind(
            "EK_JUPITER",
            "datacenter fabric",
            "datacenter fabrics",
            contains=("EK_SUPERBLOCK", "EK_SPINEBLOCK"),
            attributes=(Attribute("jupiter_type", str),),
        ),
        EntityKind(
            "EK_SUPERBLOCK",
            "superblock",
            "superblocks",
            contains=("EK_AGG_BLOCK",),
            attributes=(Attribute("index_within_jupiter", int),),
        ),
        EntityKind("EK_SPINEBLOCK", "spine block", "spine blocks", contains=("EK_PACKET_SWITCH",)),
        EntityKind("EK_AGG_BLOCK", "aggregation block", "aggregation blocks", contains=("EK_PACKET_SWITCH",)),
        EntityKind("EK_RACK", "rack", "racks", contains=("EK_CHASSIS",)),
        EntityKind("EK_CHASSIS", "chassis", "chassis", contains=("EK_CONTROL_POINT", "EK_PACKET_SWITCH")),
        EntityKind(
            "EK_CONTROL_DOMAIN",
            "control domain",
            "control domains",
            contains=("EK_CONTROL_POINT", "EK_PACKET_SWITCH"),
        ),
        EntityKind(
            "EK_CONTROL_POINT",
            "control point",
            "control points",
            contains=("EK_PACKET_SWITCH",),
            controls=("EK_PACKET_SWITCH",),
        ),
        EntityKind(
            "EK_PACKET_SWITCH",
            "packet switch",
            "packet switches",
            contains=("EK_PORT",),
            attributes=(Attribute("switch_loc", dict),),  # {"stage": 2}: the tier of the Clos network
            minimum_bandwidth_bps=10 * 10**9,
        ),
        EntityKind("EK_PORT", "port", "ports", attributes=(CAPACITY,)),
    )
}
