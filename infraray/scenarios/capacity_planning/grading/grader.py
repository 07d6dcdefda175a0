"""Grades an agent's code on the trusted side: runs it in isolation, compares, and checks what it made.

Of the graph only what differs comes back, so that comparing and checking take milliseconds on the largest topology.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from infraray.errors import InfrarayError
from infraray.isolation import Answered, Limits, WarmPython
from infraray.scenarios.capacity_planning.changes import Change
from infraray.scenarios.capacity_planning.constraints import violations_after
from infraray.scenarios.capacity_planning.grading.compare import difference, graph_difference
from infraray.scenarios.capacity_planning.grading.typed import GRAPH, Reply, Unreadable, read_reply
from infraray.scenarios.capacity_planning.tasks import Expected
from infraray.scenarios.capacity_planning.topology import Topology
from infraray.scenarios.capacity_planning.words import NETARENA_TYPES, AnswerFormat

PACKAGES = ("networkx", "numpy", "pandas")
"""What an agent's code has beside the standard library."""

Outcome = Literal[
    "correct",
    "wrong",
    "unsafe",
    "error",
    "no_function",
    "not_data",
    "time",
    "cpu",
    "memory",
    "processes",
    "output",
    "ended",
]

MODULE = Path(__file__).with_name("inside.py")

PRINTED_CHARACTERS = 2000
"""Of what the code printed, as the verdict keeps it."""


@dataclass(frozen=True)
class Verdict:
    """What an answer is.

    Args:
        outcome: ``correct``; ``wrong``; ``unsafe``, whatever else it is; ``error``, ``no_function`` and ``not_data``
            of code that gave no answer; the limit that ended it; ``ended`` where it left by itself.
        reason: of anything but ``correct``, in one line. That of ``wrong`` tells of the right answer.
        correct: whether answer and graph are right.
        safe: whether the graph keeps to what it kept to before; None where there is none.
        printed: by the code, bounded.
        latency_s: seconds that the code took, with the writing of its answer.
    """

    outcome: Outcome
    reason: str
    correct: bool
    safe: bool | None
    printed: str
    latency_s: float


class Grader:
    """Grades answers about one topology. May be used by many threads at once.

    Args:
        topology: what the answers' code gets; its constraints hold.
        limits: of the code.
    """

    def __init__(self, topology: Topology, limits: Limits) -> None:
        self._topology = topology
        self._lock = threading.Lock()
        given = json.dumps(topology.to_data()).encode()
        try:
            self._python = WarmPython(MODULE, PACKAGES, given, limits)
        except InfrarayError as error:
            raise InfrarayError(f"capacity_planning: {error}") from None

    @contextmanager
    def topology(self) -> Iterator[Topology]:
        """The topology, for one thread at a time; it is to be left as it was."""
        with self._lock:
            yield self._topology

    def grade(self, code: str, expected: Expected, answer_format: AnswerFormat) -> Verdict:
        """Runs ``process_graph`` of a program and says what came of it.

        Raises:
            InfrarayError: this machine cannot isolate it; nothing was run.
        """
        request = json.dumps({"code": code, "format": answer_format.value}).encode("ascii")
        answered = self._python.run(request)
        outcome, reason, correct, safe = self._judge(answered, expected, answer_format)
        return Verdict(outcome, reason, correct, safe, answered.printed[:PRINTED_CHARACTERS], answered.wall_s)

    def close(self) -> None:
        """Ends the interpreter; another grading starts it anew."""
        self._python.close()

    def _judge(
        self, answered: Answered, expected: Expected, answer_format: AnswerFormat
    ) -> tuple[Outcome, str, bool, bool | None]:
        if answered.reply is None:
            return (*_without_reply(answered), False, None)
        try:
            reply = read_reply(answered.reply)
        except Unreadable:
            return "ended", "the code wrote into the grader's stream", False, None
        if reply.outcome != "returned":
            return (*_without_answer(reply), False, None)
        wrong = _value_difference(reply, expected, answer_format)
        assert reply.nodes is not None and reply.edges is not None
        wrong = wrong or graph_difference(reply.nodes, reply.edges, expected.changes)
        unsafe = None if wrong is None else self._violation(reply)  # what is right keeps to all constraints
        if unsafe is not None:
            return "unsafe", unsafe, False, False
        return ("correct", "", True, True) if wrong is None else ("wrong", wrong, False, True)

    def _violation(self, reply: Reply) -> str | None:
        """What the graph breaks; the one that was given breaks nothing."""
        assert reply.nodes is not None and reply.edges is not None
        changes = [Change(name, None, held) for name, held in reply.nodes.items()]
        changes += [Change(edge, None, _relationships(held)) for edge, held in reply.edges.items()]
        topology = self._topology
        with self._lock:
            try:
                with topology.changes() as tried:
                    topology.apply(changes)
            except KeyError as key:
                return f"{key.args[0]} is told to be gone or the end of an edge, and is not there"
            try:
                found = violations_after(topology, tried.names)
            finally:
                topology.undo(tried)
        return found[0].message if found else None


def _relationships(attributes: dict[str, Any] | None) -> frozenset[str] | None:
    """Of an edge that is there; none where its attributes are not an edge's, which no constraint accepts."""
    if attributes is None:
        return None
    kinds = attributes.get("type")
    right = attributes.keys() == {"type"} and type(kinds) is list and all(type(kind) is str for kind in kinds)
    return frozenset(kinds) if right and kinds is not None else frozenset()


def _value_difference(reply: Reply, expected: Expected, answer_format: AnswerFormat) -> str | None:
    """How the answer beside the graph differs."""
    value: Any = expected.value
    if answer_format is AnswerFormat.NETARENA:
        if reply.kind != NETARENA_TYPES[expected.kind]:
            return f"'type' is {reply.kind!r}, which is wrong for this question"
        if expected.kind == "number" and type(reply.answer) is str:
            value = str(value)  # the public benchmark calls numbers text
    if (reply.answer is GRAPH) != (expected.kind == "graph"):
        return "the answer is not the graph" if expected.kind == "graph" else "the answer is the graph"
    return None if expected.kind == "graph" else difference(reply.answer, value)


def _without_reply(answered: Answered) -> tuple[Outcome, str]:
    """Of code that was ended, or left."""
    said: dict[str, tuple[Outcome, str]] = {
        "time": ("time", "the code took longer than it may"),
        "cpu": ("cpu", "the code took more processor time than it may"),
        "memory": ("memory", "the code took more memory than it may"),
        "processes": ("processes", "the code started more processes than it may"),
        "output": ("output", "the code printed more than it may"),
        "reply": ("output", "the answer is larger than it may be"),
        "exit": ("ended", f"the code left the interpreter with exit code {answered.code}"),
        "signal": ("ended", f"the interpreter was ended by signal {answered.code}"),
    }
    assert answered.ended is not None
    return said[answered.ended]


def _without_answer(reply: Reply) -> tuple[Outcome, str]:
    """Of code that ran and gave no answer."""
    said: dict[str, tuple[Outcome, str]] = {
        "no_function": ("no_function", "the code defines no function process_graph(graph_data)"),
        "memory": ("memory", "the code took more memory than it may"),
        "error": ("error", reply.reason),
        "not_data": ("not_data", reply.reason),
    }
    return said[reply.outcome]
