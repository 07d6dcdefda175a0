"""What agents' code may be: right, wrong, unsafe, broken or hostile; each has its verdict, and the next is graded."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from infraray.isolation import Limits, problem
from infraray.scenarios.capacity_planning.generator import SMALL, generate
from infraray.scenarios.capacity_planning.grading import Grader, Verdict
from infraray.scenarios.capacity_planning.tasks import Expected, PlanningTask, generate_task
from infraray.scenarios.capacity_planning.truth import truth_code
from infraray.scenarios.capacity_planning.words import AnswerFormat
from tests.scenarios.capacity_planning.grading.hostile import HOSTILE, hostile

LIMITS = Limits(wall_s=15, cpu_s=15, memory_bytes=256 * 2**20, processes=16)
NUMBER = Expected("number", 7, ())


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    if (reason := problem()) is not None:
        pytest.skip(reason)
    made = Grader(generate(SMALL, 0), LIMITS)
    yield made
    made.close()


def task_of(grader: Grader, label: str, level: int) -> PlanningTask:
    with grader.topology() as topology:
        return next(task for seed in range(200) if (task := generate_task(topology, level, seed)).label == label)


def grade(grader: Grader, code: str, expected: Expected = NUMBER) -> Verdict:
    return grader.grade(code, expected, AnswerFormat.PLAIN)


@pytest.mark.parametrize("answer_format", list(AnswerFormat))
@pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
def test_the_truths_own_code_is_correct(grader: Grader, level: int, answer_format: AnswerFormat) -> None:
    for seed in range(6):
        with grader.topology() as topology:
            task = generate_task(topology, level, seed)
        verdict = grader.grade(truth_code(task, answer_format), task.expected, answer_format)
        assert (verdict.outcome, verdict.correct, verdict.safe) == ("correct", True, True), (task.question, verdict)


FUNCTION = "def process_graph(graph_data):\n    "

PLAIN = {
    "a right answer": ("return 7", "correct", ""),
    "a NumPy scalar": ("import numpy; return numpy.int64(7)", "correct", ""),
    "a sum of pandas": ("import pandas; return pandas.Series([3, 4]).sum()", "correct", ""),
    "text for a number": ("return '7'", "wrong", "a int is wanted"),
    "a float for an int": ("return 7.0", "wrong", "a int is wanted"),
    "a bool for an int": ("return True", "wrong", "a int is wanted"),
    "the graph for a number": ("return graph_data", "wrong", "the answer is the graph"),
    "not a number": ("return float('nan')", "wrong", "a float"),
    "an infinite number": ("return float('inf')", "wrong", "a float"),
    "nothing": ("pass", "wrong", "NoneType"),
    "a huge number": ("return 10**5000", "not_data", "64 bits"),
    "a long text": ("return 'x' * 10**6", "not_data", "10000 characters"),
    "an endless generator": ("while True: yield 1", "not_data", "a generator"),
    "an iterator": ("import itertools; return itertools.count()", "not_data", "a count"),
    "a function": ("return print", "not_data", "a builtin_function_or_method"),
    "a set": ("return {7}", "not_data", "a set"),
    "a list that holds itself": ("found = []; found.append(found); return found", "not_data", "deep"),
    "an undirected graph": ("return graph_data.to_undirected()", "not_data", "a Graph, not a networkx.DiGraph"),
    "a view of the graph": ("return graph_data.subgraph([])", "not_data", "view"),
    "an error": ("return graph_data.nodes['none']['x']", "error", "line 2: KeyError: 'none'"),
    "a fault in its text": ("return (", "error", "line 2: SyntaxError"),
    "endless recursion": ("return process_graph(graph_data)", "error", "RecursionError"),
    "an exit": ("import sys; sys.exit(7)", "error", "SystemExit"),
    "an exit of the process": ("import os; os._exit(0)", "ended", "exit code 0"),
    "a crash": ("import ctypes; ctypes.string_at(0)", "ended", "signal 11"),
    "too much memory": ("return [list(range(10**6)) for _ in range(10**4)]", "memory", "memory"),
    "too much at once": ("import numpy; return numpy.ones(10**12)", "memory", "memory"),
    "an answer without end": ("return ['x' * 9999] * 10**5", None, ""),
    "output without end": ("while True: print('x' * 9999)", "output", "printed"),
    "a file of its own": ("open('/tmp/answer', 'w').write('7'); return 8", "wrong", "8"),
    "a read of the machine": ("return open('/etc/shadow').read()", "error", "FileNotFoundError"),
    "a connection": ("import socket; socket.socket()", "error", "PermissionError"),
    "our own package": ("import infraray; return 7", "error", "ModuleNotFoundError"),
}


@pytest.mark.parametrize("name", PLAIN)
def test_an_answer_that_is(grader: Grader, name: str) -> None:
    line, outcome, reason = PLAIN[name]
    verdict = grade(grader, FUNCTION + line)
    assert outcome is None or (verdict.outcome == outcome and reason in verdict.reason), verdict
    assert verdict.correct == (verdict.outcome == "correct")
    assert "\n" not in verdict.reason and verdict.reason.isprintable()


@pytest.mark.parametrize("code", ["answer = 7", "process_graph = 7", "def process(graph_data): return 7"])
def test_code_without_the_function_is_told_so(grader: Grader, code: str) -> None:
    assert grade(grader, code).outcome == "no_function"


@pytest.mark.parametrize("name", HOSTILE)
def test_nobody_gets_by_with(grader: Grader, name: str) -> None:
    verdict = grade(grader, hostile(name))
    assert not verdict.correct and verdict.reason.isprintable(), verdict
    assert grade(grader, FUNCTION + "return 7").outcome == "correct"  # nothing of it is there for the next


def test_what_runs_too_long_is_ended() -> None:
    grader = Grader(generate(SMALL, 0), Limits(wall_s=1, memory_bytes=256 * 2**20))
    for code in (FUNCTION + "while True: pass", "while True: pass", FUNCTION + "return 'x'.join(iter(str, 1))"):
        assert grade(grader, code).outcome in ("time", "memory")
    grader.close()


def test_what_was_printed_is_kept(grader: Grader) -> None:
    assert grade(grader, FUNCTION + "print('port', 1)\n    return 7").printed == "port 1\n"


def test_a_graph_that_is_as_good_as_the_given_one_is_it(grader: Grader) -> None:
    for graph in (
        "graph_data.copy()",
        "networkx.DiGraph(graph_data)",
        "deepcopy(graph_data)",
        "turned(graph_data)",
    ):
        code = f"""
import networkx
from copy import deepcopy
def turned(graph):
    made = networkx.DiGraph()
    made.add_nodes_from(reversed(list(graph.nodes(data=True))))
    made.add_edges_from(reversed(list(graph.edges(data=True))))
    return made
def process_graph(graph_data):
    return {graph}
"""
        assert grade(grader, code, Expected("graph", None, ())).outcome == "correct", graph


NEW = "g.add_node('p', name='p', type=['EK_PORT']"
GRAPH_FAULTS = {
    "a port without capacity": (f"{NEW}); g.add_edge(s, 'p', type=['RK_CONTAINS'])", "unsafe"),
    "a port that hangs nowhere": (f"{NEW}, physical_capacity_bps=10**10)", "unsafe"),
    "an edge of no type": ("g.add_edge(s, p, type=[])", "unsafe"),
    "an edge whose type is text": ("g.add_edge(s, p, type='RK_CONTAINS')", "unsafe"),
    "an edge with more attributes": ("g.edges[s, p]['weight'] = 1", "unsafe"),
    "a reversed edge": ("g.remove_edge(s, p); g.add_edge(p, s, type=['RK_CONTAINS'])", "unsafe"),
    "a switch without ports": ("g.remove_nodes_from([p for p in list(g[s]) if p != s])", "unsafe"),
    "a capacity of NaN": ("g.nodes[p]['physical_capacity_bps'] = float('nan')", "unsafe"),
    "another capacity": ("g.nodes[p]['physical_capacity_bps'] += 10**9", "wrong"),
    "a further attribute": ("g.nodes[p]['colour'] = 'red'", "wrong"),
    "a type as text": ("g.nodes[p]['type'] = 'EK_PORT'", "unsafe"),
    "an object as a node": ("g.add_node(object())", "not_data"),
    "an object as an attribute": ("g.nodes[p]['x'] = object()", "not_data"),
}
SAFE = {"unsafe": False, "wrong": True, "not_data": None}


@pytest.mark.parametrize("name", GRAPH_FAULTS)
def test_a_graph_with(grader: Grader, name: str) -> None:
    change, outcome = GRAPH_FAULTS[name]
    code = f"""
def process_graph(g):
    s = next(n for n in sorted(g) if 'EK_PACKET_SWITCH' in g.nodes[n]['type'])
    p = next(n for n in sorted(g[s]) if n != s)
    {change}
    return g
"""
    verdict = grade(grader, code, Expected("graph", None, ()))
    assert (verdict.outcome, verdict.correct, verdict.safe) == (outcome, False, SAFE[outcome])


def test_a_question_that_changes_the_graph_besides_is_wrong(grader: Grader) -> None:
    code = FUNCTION + "graph_data.nodes[sorted(graph_data)[0]]['seen'] = True\n    return 7"
    assert "was not to be" in grade(grader, code).reason
