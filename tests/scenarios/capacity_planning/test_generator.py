"""The generated fabric has the public example's counts, and capacities that vary."""

from __future__ import annotations

from collections import Counter

import pytest

from infraray.errors import InfrarayError
from infraray.scenarios.capacity_planning.generator import SMALL, Shape, generate, inventory
from infraray.scenarios.capacity_planning.hierarchy import RK_CONTAINS, RK_CONTROLS


def test_default_has_the_published_entities_and_relationships():
    made = inventory(Shape(), seed=0)
    assert Counter(entity.id.kind for entity in made.entities) == {
        "EK_PORT": 5120,
        "EK_PACKET_SWITCH": 320,
        "EK_CHASSIS": 320,
        "EK_CONTROL_POINT": 320,
        "EK_RACK": 20,
        "EK_AGG_BLOCK": 16,
        "EK_CONTROL_DOMAIN": 8,
        "EK_SUPERBLOCK": 4,
        "EK_SPINEBLOCK": 4,
        "EK_JUPITER": 1,
    }
    assert len(made.entities) == 6133
    assert len({entity.id for entity in made.entities}) == 6133
    assert Counter(relationship.kind for relationship in made.relationships) == {RK_CONTAINS: 6744, RK_CONTROLS: 320}
    assert len(set(made.relationships)) == 7064


def test_default_merges_to_the_published_nodes_and_edges():
    topology = generate(Shape(), seed=0)
    assert len(topology.nodes) == 5493
    assert len(topology.edges) == 6424
    assert len(topology.of_kind("EK_PORT")) == 5120
    assert len(topology.of_kind("EK_PACKET_SWITCH")) == 320
    assert sum(start == end for start, end in topology.edges) == 320


def test_small_preset_is_small_and_has_every_kind():
    topology = generate(SMALL, seed=0)
    assert 40 <= len(topology.nodes) <= 60
    assert len({kind for node in topology.nodes.values() for kind in node["type"]}) == 10


def test_seed_makes_the_capacities_and_they_vary():
    one, same, other = (generate(SMALL, seed) for seed in (1, 1, 2))
    assert one.to_data() == same.to_data()
    assert one.to_data() != other.to_data()
    full = generate(Shape(), seed=0)
    capacities = Counter(full.nodes[port]["physical_capacity_bps"] for port in full.of_kind("EK_PORT"))
    assert max(capacities.values()) < 0.01 * 5120
    assert len({full.bandwidth(switch) for switch in full.of_kind("EK_PACKET_SWITCH")}) > 250


def test_shape_without_a_kind_is_refused():
    with pytest.raises(InfrarayError, match="spineblocks=0: must be a whole number of at least 1"):
        Shape(spineblocks=0)
