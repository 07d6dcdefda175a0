"""From a seed to a question about a topology, with its answer."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from infraray.errors import InfrarayError
from infraray.scenarios.capacity_planning.changes import Change, Changes, Edge
from infraray.scenarios.capacity_planning.constraints import violations_after
from infraray.scenarios.capacity_planning.operations import Operation
from infraray.scenarios.capacity_planning.operations.operation import NothingToDraw, Result
from infraray.scenarios.capacity_planning.operations.phrasing import Voice
from infraray.scenarios.capacity_planning.operations.selection import some_parent
from infraray.scenarios.capacity_planning.templates import Part, Template, templates
from infraray.scenarios.capacity_planning.topology import Topology
from infraray.scenarios.capacity_planning.words import RETURNED

MAX_DRAWS = 500
"""Draws for one task; so many in a row fail only where the topology has nothing for its label."""

MAX_TRIES = 16
"""Draws for one step of it."""

MAX_QUESTIONS = 3
"""Questions that are drawn after changes, to find one whose answer they changed."""

HELD_OUT_SHARE = 1 / 3
"""Tasks that are said in held-out phrasings."""


@dataclass(frozen=True)
class Expected:
    """What a right answer is.

    Args:
        kind: ``number``, ``list``, ``table`` or ``graph``.
        value: the number, names or rows; None for a graph, which its changes tell.
        changes: what is different in the graph afterwards, once for each node and edge.
    """

    kind: str
    value: Result | None
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class PlanningTask:
    """A question about a topology.

    Args:
        question: in English, with the form of the answer.
        label: what it is made of, such as ``add-count``.
        level: 1 to 5.
        seed: from which it is made.
        steps: what answers it, in order.
        expected: the answer.
        held_out: whether its phrasings are ones that scripted agents and training never see.
    """

    question: str
    label: str
    level: int
    seed: int
    steps: tuple[Operation, ...]
    expected: Expected
    held_out: bool


def generate_task(topology: Topology, level: int, seed: int) -> PlanningTask:
    """The seed's task; the topology is worked on and left as it was.

    Args:
        topology: what it is about; all constraints hold.
        level: 1 to 5.
        seed: equal seeds give equal tasks.

    Raises:
        InfrarayError: the topology has nothing for what the seed draws.
    """
    random = Random(f"capacity_planning/{level}/{seed}")
    template = random.choice(templates(level))
    for _ in range(MAX_DRAWS):
        try:
            steps, expected = _draw(topology, template, random)
        except NothingToDraw:
            continue
        voice = Voice(random, random.random() < HELD_OUT_SHARE)
        question = " ".join([*(step.say(voice) for step in steps), RETURNED[expected.kind]])
        return PlanningTask(question, template.label, level, seed, steps, expected, voice.held_out)
    raise InfrarayError(
        f"capacity_planning: level={level}: seed {seed} finds nothing to do for {template.label}; "
        "choose a larger topology"
    )


def _draw(topology: Topology, template: Template, random: Random) -> tuple[tuple[Operation, ...], Expected]:
    """Draws the steps while they are executed, and takes back what they did.

    Raises:
        NothingToDraw: this draw has no operands, breaks a constraint, or changes no question's answer.
    """
    made = Changes()
    try:
        with topology.changes() as made:
            steps, touched = _opening(topology, template, random)
            endings = _endings(topology, template, touched, random)
        if violations_after(topology, made.names):
            raise NothingToDraw
    finally:
        topology.undo(made)
    changes = net(made)
    for last, value in endings:
        if not steps or not changes or _answer(topology, last) != value:
            return (*steps, last), Expected(last.gives, value, changes)
    raise NothingToDraw


def _opening(topology: Topology, template: Template, random: Random) -> tuple[list[Operation], set[str]]:
    """Draws and executes all steps but the last; they, and the nodes below which they changed something."""
    steps: list[Operation] = []
    touched: set[str] = set()
    for part in template.parts[:-1]:
        step = _step(topology, part, random, touched or {some_parent(topology, random)})
        if steps and not step.may_follow(steps[-1]):
            raise NothingToDraw
        touched |= step.focus(topology)
        step.execute(topology)
        steps.append(step)
        touched &= topology.nodes.keys()
    return steps, touched


def _endings(
    topology: Topology, template: Template, touched: set[str], random: Random
) -> list[tuple[Operation, Result | None]]:
    """Last steps with their answers: a change, or several questions about what was touched, to choose from."""
    endings: list[tuple[Operation, Result | None]] = []
    for _ in range(MAX_QUESTIONS if touched else 1):
        with suppress(NothingToDraw):
            last = _step(topology, template.parts[-1], random, touched)
            endings.append((last, last.execute(topology)))
    return endings


def _step(topology: Topology, part: Part, random: Random, places: set[str]) -> Operation:
    """Draws one step, at or about one of the places if there are any; the first of some draws that has operands."""
    for _ in range(MAX_TRIES):
        near = random.choice(sorted(places)) if places else None
        with suppress(NothingToDraw):
            return random.choice(part).draw(topology, random, near)
    raise NothingToDraw


def _answer(topology: Topology, question: Operation) -> Result | None:
    """What a question's answer is, None where it is about a node that there is not."""
    try:
        return question.execute(topology)
    except KeyError:
        return None


def net(changes: Changes) -> tuple[Change, ...]:
    """What is different in the end: nodes by name, then edges by their ends."""
    before: dict[str | Edge, Any] = {}
    after: dict[str | Edge, Any] = {}
    for key, was, becomes in changes.entries:
        before.setdefault(key, was)
        after[key] = becomes
    different = [Change(key, was, after[key]) for key, was in before.items() if was != after[key]]
    return tuple(sorted(different, key=lambda change: (not isinstance(change.key, str), change.key)))
