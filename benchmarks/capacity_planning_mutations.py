"""Answers that are nearly right: the truth's code, and one thing done wrong at its end."""

from dataclasses import dataclass
from random import Random

from infraray.scenarios.capacity_planning.tasks import PlanningTask
from infraray.scenarios.capacity_planning.topology import Topology
from infraray.scenarios.capacity_planning.truth import truth_code

VALUES: dict[str, dict[str, tuple[str, str]]] = {
    "number": {
        "str for int": ("answer = str(answer)", "a str; a int is wanted"),
        "float for int": ("answer = float(answer)", "a float; a int is wanted"),
        "NaN": ("answer = float('nan')", "a float; a int is wanted"),
        "one more": ("answer += 1", "which is wrong"),
    },
    "list": {
        "string for list": ("answer = ', '.join(answer)", "a str; a list is wanted"),
        "tuple for list": ("answer = tuple(answer)", "a tuple; a list is wanted"),
        "int for str": ("answer[0] = 1", "a int; a str is wanted"),
        "one more": ("answer = [*answer, 'dc1']", "the answer"),
    },
    "table": {
        "string for list": ("answer = str(answer)", "a str; a list is wanted"),
        "str for int": ("answer[0] = (answer[0][0], str(answer[0][1]))", "a str; a int is wanted"),
        "int for str": ("answer[0] = (1, answer[0][1])", "a int; a str is wanted"),
        "changed capacity": ("answer[0] = (answer[0][0], answer[0][1] + 1)", "which is wrong"),
        "NaN": ("answer[0] = (answer[0][0], float('nan'))", "a float; a int is wanted"),
    },
    "graph": {"no graph": ("answer = 'done'", "the answer is not the graph")},
}
"""By the kind of answer: what is done to it, and what the reason says of that."""

ORDER = {"wrong order": ("answer = answer[::-1]", "the answer")}

GRAPH = {
    "reversed edge": (
        "graph_data.remove_edge({switch!r}, {port!r}); graph_data.add_edge({port!r}, {switch!r}, type=['RK_CONTAINS'])"
    ),
    "missing port": "graph_data.remove_node({port!r})",
    "extra node": (
        "graph_data.add_node('{port}x', name='{port}x', type=['EK_PORT'], physical_capacity_bps=10**9); "
        "graph_data.add_edge({switch!r}, '{port}x', type=['RK_CONTAINS'])"
    ),
    "changed capacity": "graph_data.nodes[{port!r}]['physical_capacity_bps'] += 10**9",
    "float for int in the graph": "graph_data.nodes[{port!r}]['physical_capacity_bps'] *= 1.0",
    "NaN in the graph": "graph_data.nodes[{port!r}]['physical_capacity_bps'] = float('nan')",
    "string for list in the graph": "graph_data.nodes[{port!r}]['type'] = 'EK_PORT'",
    "another relationship": "graph_data.edges[{switch!r}, {port!r}]['type'] = ['RK_CONTROLS']",
}
"""What is done to the graph, at a port that the task leaves as it is; the reason names the port."""


@dataclass(frozen=True)
class Mutation:
    """A wrong answer.

    Args:
        name: what is wrong.
        code: of the answer.
        reason: words that the grader's reason must have.
    """

    name: str
    code: str
    reason: str


def mutations(topology: Topology, task: PlanningTask) -> list[Mutation]:
    """All that can be done wrong with a task's answer, in an order that its seed draws."""
    value = task.expected.value
    done = dict(VALUES[task.expected.kind])
    if isinstance(value, list) and value != value[::-1]:
        done |= ORDER
    if isinstance(value, list) and not value:
        done = {name: how for name, how in done.items() if "[0]" not in how[0]}
    ends = [change.key if isinstance(change.key, tuple) else (change.key,) for change in task.expected.changes]
    changed = {name for each in ends for name in each}
    draw = Random(task.seed)
    ports = topology.of_kind("EK_PORT")
    draw.shuffle(ports)
    port = next(port for port in ports if changed.isdisjoint((port, *topology.parents(port))))
    switch = topology.parents(port)[0]
    done |= {name: (line.format(switch=switch, port=port), port) for name, line in GRAPH.items()}
    made = [Mutation(name, _mutated(task, line), reason) for name, (line, reason) in done.items()]
    draw.shuffle(made)
    return made


_WRAPPED = """\
{code}

right = process_graph


def process_graph(graph_data):
    answer = right(graph_data)
    {line}
    return answer
"""


def _mutated(task: PlanningTask, line: str) -> str:
    return _WRAPPED.format(code=truth_code(task), line=line)
