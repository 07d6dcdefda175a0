"""Constraints find what an independent brute-force check finds, in full and after changes alike."""

from __future__ import annotations

import random

import pytest

from infraray.scenarios.capacity_planning.constraints import CONSTRAINTS, Violation, violations, violations_after
from infraray.scenarios.capacity_planning.generator import SMALL, Shape, generate
from infraray.scenarios.capacity_planning.hierarchy import RK_CONTAINS
from infraray.scenarios.capacity_planning.topology import Topology
from tests.reference.capacity_planning import broken
from tests.scenarios.capacity_planning.graphs import change_at_random

SWITCH = "dc1.sb1.ab1.sw1"


@pytest.mark.parametrize("shape", [SMALL, Shape()], ids=["small", "full"])
def test_generated_topologies_are_without_violation(shape):
    topology = generate(shape, seed=0)
    assert violations(topology) == ()
    assert broken(topology.to_networkx()) == set()


@pytest.mark.parametrize("seed", range(40))
def test_check_after_changes_equals_the_full_check(seed):
    draw = random.Random(seed)
    topology = generate(SMALL, seed)
    standing: tuple[Violation, ...] = ()
    for _ in range(25):
        with topology.changes() as changes:
            for _ in range(draw.choice([1, 1, 2, 5])):
                if topology.nodes:
                    change_at_random(topology, draw)
        after = violations_after(topology, changes.names, before=standing)
        assert after == violations(topology)
        if draw.random() < 0.3:
            topology.undo(changes)
            assert violations_after(topology, changes.names, before=after) == standing
        else:
            standing = after


@pytest.mark.parametrize("seed", range(60))
def test_violations_are_those_of_the_brute_force_check(seed):
    draw = random.Random(seed)
    topology = generate(SMALL, seed)
    for _ in range(8):
        change_at_random(topology, draw)
        found = violations(topology)
        assert len({(violation.constraint, violation.subject) for violation in found}) == len(found)
        assert {(violation.constraint, violation.subject) for violation in found} == broken(topology.to_networkx())


def reversed_edge(topology: Topology) -> None:
    topology.remove_edge("dc1.sb1.ab1", SWITCH)
    topology.add_edge(SWITCH, "dc1.sb1.ab1", RK_CONTAINS)


def bare_switch(topology: Topology) -> None:
    topology.add_node("new", ["EK_PACKET_SWITCH"])
    topology.add_edge("dc1.sb1.ab1", "new", RK_CONTAINS)


def slow_switch(topology: Topology) -> None:
    for port in topology.children(SWITCH):
        topology.set_attribute(port, "physical_capacity_bps", 3 * 10**9)


CASES = {
    "valid_type": (
        lambda topology: topology.set_attribute(SWITCH, "type", "EK_PACKET_SWITCH"),
        f"{SWITCH} has type='EK_PACKET_SWITCH': must be a list of one or more of EK_JUPITER,",
    ),
    "valid_edge": (
        lambda topology: topology.add_edge("dc1", SWITCH, "RK_LIKES"),
        f"dc1 -> {SWITCH} has type=['RK_LIKES']: must be one or more of RK_CONTAINS, RK_CONTROLS",
    ),
    "hierarchy": (
        reversed_edge,
        f"{SWITCH} (EK_CHASSIS, EK_CONTROL_POINT, EK_PACKET_SWITCH) must not contain dc1.sb1.ab1 (EK_AGG_BLOCK)",
    ),
    "no_isolated_node": (
        lambda topology: topology.add_node("new", ["EK_PORT"], physical_capacity_bps=10**9),
        "new has no edge from or to another node",
    ),
    "port_capacity": (
        lambda topology: topology.set_attribute(f"{SWITCH}.p1", "physical_capacity_bps", 1000),
        f"port {SWITCH}.p1 has physical_capacity_bps=1000: physical_capacity_bps must be a 64-bit number of at least",
    ),
    "switch_has_port": (bare_switch, "packet switch new contains no port"),
    "switch_bandwidth": (
        slow_switch,
        f"packet switch {SWITCH} has 9000000000 bit/s over 3 ports: must have at least 10000000000",
    ),
}


def test_every_constraint_has_a_case():
    assert [constraint.name for constraint in CONSTRAINTS] == list(CASES)


@pytest.mark.parametrize("name", CASES)
def test_message_names_the_offender(name):
    topology = generate(SMALL, seed=0)
    spoil, message = CASES[name]
    spoil(topology)
    told = [violation for violation in violations(topology) if violation.constraint == name]
    assert len(told) == 1
    assert told[0].message.startswith(message)
    assert "\n" not in told[0].message


def test_message_is_one_short_line_whatever_an_agent_made():
    topology = generate(SMALL, seed=0)
    topology.add_node("new\nline", ["EK_TREE"] * 10**5)
    topology.set_attribute(f"{SWITCH}.p1", "physical_capacity_bps", "9" * 10**5)
    told = [violation.message for violation in violations(topology)]
    assert len(told) == 3
    assert all("\n" not in message and len(message) < 400 for message in told)
