"""A topology finds neighbours, and takes changes back exactly."""

from __future__ import annotations

import copy
import json
import random

import pytest

from infraray.scenarios.capacity_planning.changes import Change
from infraray.scenarios.capacity_planning.generator import SMALL, generate
from infraray.scenarios.capacity_planning.topology import Topology
from tests.scenarios.capacity_planning.graphs import change_at_random


def change_capacity(topology: Topology, draw: random.Random) -> None:
    port = draw.choice(topology.of_kind("EK_PORT"))
    match draw.randrange(4):
        case 0:
            topology.remove_node(port)
        case 1:
            topology.set_attribute(port, "physical_capacity_bps", draw.randrange(10**12))
        case 2:
            topology.remove_edge(*draw.choice(sorted(topology.edges)))
        case 3:
            topology.add_edge(draw.choice(topology.of_kind("EK_AGG_BLOCK")), port, "RK_CONTAINS")


def test_neighbours_are_sorted_and_by_kind():
    topology = generate(SMALL, seed=0)
    assert topology.children("dc1.sb1.ab1") == ["dc1.sb1.ab1.sw1", "dc1.sb1.ab1.sw2"]
    assert topology.children("dc1.sb1.ab1.sw1") == [f"dc1.sb1.ab1.sw1.p{port}" for port in (1, 2, 3)]
    assert topology.children("dc1.sb1.ab1.sw1", "EK_RACK") == []
    assert topology.parents("dc1.sb1.ab1.sw1") == ["dc1.sb1.ab1", "dc1.sb1.ctl", "dc1.sb1.rack1"]
    assert topology.parents("dc1.sb1.ab1.sw1", "EK_RACK") == ["dc1.sb1.rack1"]
    assert len(topology.below("dc1.sb1", "EK_PORT")) == 12
    assert topology.bandwidth("dc1.sb1.ab1.sw1") == sum(
        topology.nodes[f"dc1.sb1.ab1.sw1.p{port}"]["physical_capacity_bps"] for port in (1, 2, 3)
    )


def test_random_changes_are_taken_back_exactly_also_within_one_another():
    topology = generate(SMALL, seed=0)
    before = copy.deepcopy(topology.to_data())
    for seed in range(300):
        draw = random.Random(seed)
        for name in topology.nodes:
            topology.below(name, draw.choice([None, "EK_PORT"]))  # is remembered
        with topology.changes() as outer:
            for _ in range(draw.randrange(8)):
                change_at_random(topology, draw)
            between = copy.deepcopy(topology.to_data())
            with topology.changes() as inner:
                for _ in range(draw.randrange(4)):
                    change_at_random(topology, draw)
            if draw.random() < 0.5:
                topology.undo(inner)
                assert topology.to_data() == between
        fresh = Topology.from_data(topology.to_data())
        assert all(topology.children(name) == fresh.children(name) for name in topology.nodes)
        assert all(topology.parents(name) == fresh.parents(name) for name in topology.nodes)
        assert all(topology.below(name) == fresh.below(name) for name in topology.nodes)
        assert all(topology.below(name, "EK_PORT") == fresh.below(name, "EK_PORT") for name in topology.nodes)
        assert all(topology.below(name) == fresh.below(name) for name in topology.nodes)
        assert all(topology.below(name, "EK_PORT") == fresh.below(name, "EK_PORT") for name in topology.nodes)
        assert all(topology.of_kind(kind) == fresh.of_kind(kind) for kind in ("EK_PORT", "EK_PACKET_SWITCH"))
        topology.undo(outer)
        assert topology.to_data() == before


def test_changes_are_made_again_elsewhere_in_any_order():
    for seed in range(100):
        draw = random.Random(seed)
        topology, other = generate(SMALL, seed=0), generate(SMALL, seed=0)
        with topology.changes() as changes:
            for _ in range(draw.randrange(8)):
                change_at_random(topology, draw)
        net = {change.key: change for change in changes.entries}
        keys = [key for key in net if key in other.nodes or key in other.edges or net[key].after is not None]
        draw.shuffle(keys)
        other.apply(net[key] for key in keys)
        assert other.to_data() == topology.to_data()


@pytest.mark.parametrize(
    "change",
    [
        Change("none", None, None),
        Change(("dc1", "none"), None, None),
        Change(("dc1", "none"), None, frozenset({"RK_CONTAINS"})),
        Change(("none", "dc1"), None, frozenset({"RK_CONTAINS"})),
        Change("dc1", None, None),
    ],
)
def test_change_that_cannot_be_made_leaves_the_topology_as_it_was(change):
    topology = generate(SMALL, seed=0)
    before = copy.deepcopy(topology.to_data())
    with pytest.raises(KeyError):
        topology.apply([Change("new", None, {"type": ["EK_RACK"]}), change])
    assert topology.to_data() == before
    assert topology.of_kind("EK_RACK") == Topology.from_data(before).of_kind("EK_RACK")


def test_undo_out_of_order_is_refused():
    topology = generate(SMALL, seed=0)
    port = topology.of_kind("EK_PORT")[0]
    with topology.changes() as first:
        topology.set_attribute(port, "physical_capacity_bps", 10**9)
    topology.remove_node(port)
    with pytest.raises(ValueError, match="has changed since"):
        topology.undo(first)


def test_data_goes_through_json_and_back():
    topology = generate(SMALL, seed=3)
    assert Topology.from_data(json.loads(json.dumps(topology.to_data()))).to_data() == topology.to_data()


def test_networkx_graph_holds_all_and_shares_nothing():
    topology = generate(SMALL, seed=0)
    graph = topology.to_networkx()
    assert dict(graph.nodes(data=True)) == topology.nodes
    assert {(start, end): frozenset(types) for start, end, types in graph.edges(data="type")} == topology.edges
    before = copy.deepcopy(topology.to_data())
    for _, attributes in graph.nodes(data=True):
        attributes["type"].append("EK_PORT")
        attributes["switch_loc"] = None
    assert topology.to_data() == before


def test_capacity_follows_every_change_below():
    topology = generate(SMALL, seed=0)
    for seed in range(100):
        with topology.changes() as made:
            for step in range(6):
                change_capacity(topology, random.Random(6 * seed + step))
                fresh = Topology.from_data(topology.to_data())
                assert all(topology.bandwidth(name) == fresh.bandwidth(name) for name in topology.nodes)
        topology.undo(made)
        assert topology.bandwidth("dc1") == generate(SMALL, seed=0).bandwidth("dc1")
