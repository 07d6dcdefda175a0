"""Makes topologies of any size, with the kinds, relationships and proportions of MALT's public example."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, fields
from typing import Any

from infraray.errors import InfrarayError
from infraray.scenarios.capacity_planning.entities import Entity, EntityId, Relationship, merged
from infraray.scenarios.capacity_planning.hierarchy import RK_CONTAINS, RK_CONTROLS
from infraray.scenarios.capacity_planning.topology import Topology

CAPACITIES_GBPS = range(10, 401)


@dataclass(frozen=True)
class Shape:
    """How many of what a fabric has; as it stands, the counts of MALT's public example.

    Those are 6,133 entities with 7,064 relationships, merged 5,493 nodes with 6,424 edges, among them 320 switches with
    5,120 ports (https://github.com/google/malt-example-models).
    """

    superblocks: int = 4
    agg_blocks_per_superblock: int = 4
    switches_per_agg_block: int = 16
    spineblocks: int = 4
    switches_per_spineblock: int = 16
    ports_per_switch: int = 16
    switches_per_rack: int = 16

    def __post_init__(self) -> None:
        for count in fields(self):
            if getattr(self, count.name) < 1:
                raise InfrarayError(f"{count.name}={getattr(self, count.name)!r}: must be a whole number of at least 1")


SMALL = Shape(
    superblocks=2,
    agg_blocks_per_superblock=2,
    switches_per_agg_block=2,
    spineblocks=1,
    switches_per_spineblock=2,
    ports_per_switch=3,
    switches_per_rack=2,
)


@dataclass
class Inventory:
    """The entities and relationships of a fabric, before those of one name become one node."""

    entities: list[Entity] = field(default_factory=list)
    relationships: list[Relationship] = field(default_factory=list)

    def add(self, kind: str, name: str, *containers: EntityId, **attributes: Any) -> EntityId:
        """A new entity, inside of those that contain it."""
        made = EntityId(kind, name)
        self.entities.append(Entity(made, attributes))
        self.relationships += [Relationship(RK_CONTAINS, container, made) for container in containers]
        return made


def inventory(shape: Shape, seed: int) -> Inventory:
    """A fabric's entities and relationships; the seed draws the ports' capacities.

    Capacities are any whole number of Gbit/s in a range, from port to port: with the few rates that transceivers have
    (in the public example nearly all ports are equal), constant answers to questions about them would often be right.
    """
    made = Inventory()
    draw = random.Random(seed)
    jupiter = made.add("EK_JUPITER", "dc1", jupiter_type="JDT_COLO")
    for index in range(1, shape.superblocks + 1):
        block = made.add("EK_SUPERBLOCK", f"dc1.sb{index}", jupiter, index_within_jupiter=index)
        places = []
        for agg in range(1, shape.agg_blocks_per_superblock + 1):
            agg_block = made.add("EK_AGG_BLOCK", f"{block.name}.ab{agg}", block)
            half = (shape.switches_per_agg_block + 1) // 2
            places += [(agg_block, switch, 2 if switch <= half else 3) for switch in _to(shape.switches_per_agg_block)]
        _fill(made, block, places, shape, draw)
    for index in _to(shape.spineblocks):
        block = made.add("EK_SPINEBLOCK", f"dc1.sp{index}", jupiter)
        _fill(made, block, [(block, switch, 4) for switch in _to(shape.switches_per_spineblock)], shape, draw)
    return made


def generate(shape: Shape, seed: int) -> Topology:
    """A fabric of this shape as a topology."""
    made = inventory(shape, seed)
    return merged(made.entities, made.relationships)


def _to(count: int) -> range:
    return range(1, count + 1)


def _fill(
    made: Inventory, block: EntityId, places: list[tuple[EntityId, int, int]], shape: Shape, draw: random.Random
) -> None:
    """Puts switches into a block at (container, number, stage): each in a chassis in a rack, with its control point."""
    domain = made.add("EK_CONTROL_DOMAIN", f"{block.name}.ctl")
    for position, (container, number, stage) in enumerate(places):
        if position % shape.switches_per_rack == 0:
            rack = made.add("EK_RACK", f"{block.name}.rack{position // shape.switches_per_rack + 1}")
        name = f"{container.name}.sw{number}"
        chassis = made.add("EK_CHASSIS", name, rack)
        control_point = made.add("EK_CONTROL_POINT", name, chassis, domain)
        switch = made.add("EK_PACKET_SWITCH", name, container, chassis, switch_loc={"stage": stage})
        made.relationships.append(Relationship(RK_CONTROLS, control_point, switch))
        for port in _to(shape.ports_per_switch):
            capacity = draw.choice(CAPACITIES_GBPS) * 10**9
            made.add("EK_PORT", f"{name}.p{port}", switch, physical_capacity_bps=capacity)
