"""Conditions and loops do what their sentences say."""

from __future__ import annotations

from random import Random

import pytest

from infraray.scenarios.capacity_planning.compositions import Condition, Loop, LoopWithCondition
from infraray.scenarios.capacity_planning.generator import SMALL, generate
from infraray.scenarios.capacity_planning.operations.add_port import AddPort
from infraray.scenarios.capacity_planning.operations.naming import EACH
from infraray.scenarios.capacity_planning.operations.operation import NothingToDraw
from infraray.scenarios.capacity_planning.operations.phrasing import Voice
from infraray.scenarios.capacity_planning.operations.remove import Remove
from infraray.scenarios.capacity_planning.operations.selection import Selection
from infraray.scenarios.capacity_planning.operations.update import Update
from infraray.scenarios.capacity_planning.topology import Topology

SWITCH = "dc1.sb1.ab1.sw1"
PORTS = Selection("EK_PORT", SWITCH, deep=False)


@pytest.fixture
def topology() -> Topology:
    return generate(SMALL, seed=0)


@pytest.mark.parametrize(("above", "ports"), [(0, 2), (1, 4)])
def test_a_capacity_that_is_just_reached_meets_the_condition(topology, above, ports):
    minimum = topology.bandwidth(SWITCH) + above
    Condition(SWITCH, minimum, Remove((f"{SWITCH}.p2",)), AddPort("new", SWITCH, 10**10)).execute(topology)
    assert len(PORTS.nodes(topology)) == ports


def test_a_condition_without_otherwise_does_nothing_where_it_is_not_met(topology):
    with topology.changes() as made:
        Condition(SWITCH, topology.bandwidth(SWITCH) + 1, Remove((SWITCH,)), None).execute(topology)
    assert made.entries == []


def test_a_loop_goes_over_the_nodes_as_they_are_before_its_first_change(topology):
    capacities = [topology.bandwidth(port) for port in PORTS.nodes(topology)]
    some = Selection("EK_PORT", SWITCH, deep=False, low=min(capacities), high=sorted(capacities)[1])
    looped = some.nodes(topology)
    Loop(some, Update((EACH,), some.low - 1)).execute(topology)
    assert len(looped) == 2
    assert all(topology.bandwidth(port) == some.low - 1 for port in looped)


def test_a_loop_with_a_condition_judges_each_node(topology):
    capacities = {port: topology.bandwidth(port) for port in PORTS.nodes(topology)}
    middle = sorted(capacities.values())[1]
    Loop(PORTS, Condition(EACH, middle, Update((EACH,), 10**9), Remove((EACH,)))).execute(topology)
    assert PORTS.nodes(topology) == [port for port, capacity in capacities.items() if capacity >= middle]


def test_drawn_loop_with_condition_has_nodes_on_both_sides(topology):
    random, drawn = Random(0), 0
    while drawn < 100:
        try:
            loop = LoopWithCondition.draw(topology, random)
        except NothingToDraw:
            continue
        drawn += 1
        reached = {topology.bandwidth(name) >= loop.body.minimum for name in loop.selection.nodes(topology)}
        assert reached == {True, False}


def test_brackets_show_what_belongs_to_what():
    said = Loop(PORTS, Condition(EACH, 10**9, Remove((EACH,)), Update((EACH,), 10**10))).say(Voice(Random(3), False))
    assert said.count("[") == said.count("]") == 3
    assert said.index("[") < said.index("`X` ", said.index("["))
    assert said.endswith("]]")
