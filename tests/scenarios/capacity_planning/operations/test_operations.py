"""Operations keep what they say they keep, say all their operands, and a new one is one class and one entry."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from string import Formatter

import pytest

from infraray.scenarios.capacity_planning.compositions import Condition, Loop, LoopWithCondition
from infraray.scenarios.capacity_planning.constraints import violations_after
from infraray.scenarios.capacity_planning.generator import SMALL, generate
from infraray.scenarios.capacity_planning.operations import OPERATIONS, Operation
from infraray.scenarios.capacity_planning.operations.naming import coded, said
from infraray.scenarios.capacity_planning.operations.operation import NothingToDraw
from infraray.scenarios.capacity_planning.operations.phrasing import Phrasing, phrasings
from infraray.scenarios.capacity_planning.operations.remove import remove
from infraray.scenarios.capacity_planning.operations.selection import BOUNDS, DEEP, DIRECT
from infraray.scenarios.capacity_planning.tasks import generate_task
from infraray.scenarios.capacity_planning.templates import templates
from infraray.scenarios.capacity_planning.topology import Topology
from infraray.scenarios.capacity_planning.truth import truth_code

EVERY = [operation for part in OPERATIONS.values() for operation in part]
COMPOSED = [Condition, Loop, LoopWithCondition]
SAID = [operation.PHRASINGS for operation in (*EVERY, Condition, Loop)] + [DIRECT, DEEP, BOUNDS, Condition.OTHERWISE]


def draws(operation: type[Operation], topology: Topology, number: int) -> Iterator[Operation]:
    random = Random(operation.__name__)
    while number:
        try:
            yield operation.draw(topology, random, random.choice([None, *sorted(topology.nodes)]))
        except NothingToDraw:
            continue
        number -= 1


@pytest.mark.parametrize("operation", EVERY + COMPOSED)
def test_operation_breaks_only_constraints_that_it_does_not_leave(operation):
    topology = generate(SMALL, seed=1)
    for drawn in draws(operation, topology, 60):
        with topology.changes() as made:
            drawn.execute(topology)
        broken = {violation.constraint for violation in violations_after(topology, made.names)}
        topology.undo(made)
        assert not broken & drawn.leaves(), drawn
        assert made.entries == [] or drawn.gives == "graph"


@pytest.mark.parametrize("operation", EVERY)
def test_operation_changes_only_what_is_below_its_focus(operation):
    topology = generate(SMALL, seed=1)
    for drawn in draws(operation, topology, 40):
        focus = drawn.focus(topology)
        below = {*focus, *(name for place in focus for name in topology.below(place))}
        with topology.changes() as made:
            drawn.execute(topology)
        below |= {name for place in focus if place in topology.nodes for name in topology.below(place)}
        touched = {change.key for change in made.entries if isinstance(change.key, str)}
        topology.undo(made)
        assert touched <= below, drawn


@pytest.mark.parametrize("ways", SAID)
def test_a_third_of_the_phrasings_is_held_out_and_each_says_every_operand(ways: tuple[Phrasing, ...]):
    assert 0.25 <= sum(way.held_out for way in ways) / len(ways) <= 0.4
    fields = [{field for _, field, _, _ in Formatter().parse(way.text) if field} for way in ways]
    assert all(named == fields[0] for named in fields)
    assert len({way.text for way in ways}) == len(ways)


def test_tasks_in_known_phrasings_hold_no_held_out_one_and_the_other_way_round():
    topology = generate(SMALL, seed=1)
    pieces = {
        held_out: [
            max((text for text, *_ in Formatter().parse(way.text)), key=len)
            for ways in SAID
            for way in ways
            if way.held_out == held_out
        ]
        for held_out in (True, False)
    }
    only_held_out = [piece for piece in pieces[True] if not any(piece in other for other in pieces[False])]
    for seed in range(300):
        task = generate_task(topology, seed % 5 + 1, seed)
        assert any(piece in task.question for piece in only_held_out) == task.held_out, task.question


def test_removal_takes_what_nothing_else_contains():
    topology = generate(SMALL, seed=1)
    for name in sorted(topology.nodes):
        gone = {name}
        while new := {
            node for node in topology.below(name) if node not in gone and set(topology.parents(node)) <= gone
        }:
            gone |= new
        with topology.changes() as made:
            remove(topology, name)
        left = set(topology.nodes)
        topology.undo(made)
        assert left == topology.nodes.keys() - gone


def test_a_name_in_a_loop_is_said_and_coded_by_the_node_at_hand():
    assert said("{each}.p17") == "`X.p17`"
    each = "dc1.sw1"
    assert eval(coded("{each}.p17")) == each + ".p17"
    assert eval(coded("it's {odd}")) == "it's {odd}"


@dataclass(frozen=True)
class Merge(Operation):
    """Gives the capacity of one port of a switch to another, and removes it."""

    source: str
    target: str

    PHRASINGS = phrasings(
        "Merge {source} into {target}.",
        "Let {target} take over the capacity of {source}, and remove that.",
        held_out=("Fuse {source} with {target}, which stays.",),
    )

    @classmethod
    def draw(cls, topology, random, near=None):
        switch = random.choice(topology.of_kind("EK_PACKET_SWITCH"))
        return cls(*random.sample(topology.children(switch, "EK_PORT"), 2))

    def words(self, voice):
        return {"source": said(self.source), "target": said(self.target)}

    def execute(self, topology, each=None):
        together = topology.bandwidth(self.source) + topology.bandwidth(self.target)
        topology.set_attribute(self.target, "physical_capacity_bps", together)
        topology.remove_node(self.source)

    def code(self):
        return [
            f"merged = graph.nodes[{coded(self.source)}]['physical_capacity_bps']",
            f"graph.nodes[{coded(self.target)}]['physical_capacity_bps'] += merged",
            f"remove(graph, {coded(self.source)})",
        ]

    def focus(self, topology):
        return frozenset(topology.parents(self.source))


def test_a_new_operation_is_one_class_and_one_entry(monkeypatch):
    monkeypatch.setitem(OPERATIONS, "merge", (Merge,))
    topology = generate(SMALL, seed=1)
    assert "merge" in [template.label for template in templates(1)]
    tasks = [generate_task(topology, level, seed) for level in (1, 4) for seed in range(150)]
    merging = [task for task in tasks if any(isinstance(step, Merge) for step in task.steps)]
    assert {task.level for task in merging} == {1, 4}
    for task in merging:
        names: dict = {}
        exec(truth_code(task), names)
        graph = topology.to_networkx()
        answer = names["process_graph"](graph)
        after = topology.copy()
        after.apply(task.expected.changes)
        assert dict(graph.nodes) == after.nodes
        assert task.expected.kind == "graph" or answer == task.expected.value
