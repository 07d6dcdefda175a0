"""The code that solves a task: plain Python on a NetworkX graph, as an agent could have written it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from infraray.scenarios.capacity_planning.operations import Operation
from infraray.scenarios.capacity_planning.tasks import PlanningTask
from infraray.scenarios.capacity_planning.words import NETARENA_TYPES, AnswerFormat

FUNCTIONS = {
    "children": """\
def children(graph, name, kind):
    found = [end for _, end, edge in graph.out_edges(name, data=True) if end != name and "RK_CONTAINS" in edge["type"]]
    return [end for end in found if kind is None or kind in graph.nodes[end]["type"]]
""",
    "below": """\
def below(graph, name, kind):
    found, stack = {name}, [name]
    while stack:
        for child in children(graph, stack.pop(), None):
            if child not in found:
                found.add(child)
                stack.append(child)
    return [node for node in found - {name} if kind is None or kind in graph.nodes[node]["type"]]
""",
    "capacity": """\
def capacity(graph, name):
    ports = below(graph, name, "EK_PORT")
    if "EK_PORT" in graph.nodes[name]["type"]:
        ports.append(name)
    return sum(graph.nodes[port]["physical_capacity_bps"] for port in ports)
""",
    "add": """\
def add(graph, parent, name, kind, **attributes):
    graph.add_node(name, name=name, type=[kind], **attributes)
    graph.add_edge(parent, name, type=["RK_CONTAINS"])
""",
    "contained": """\
def contained(graph, name):
    return any(
        start != name and "RK_CONTAINS" in edge["type"] for start, _, edge in graph.in_edges(name, data=True)
    )
""",
    "remove": """\
def remove(graph, name):
    under = children(graph, name, None)
    graph.remove_node(name)
    for child in under:
        if child in graph and not contained(graph, child):
            remove(graph, child)
""",
}
"""What the lines of the operations call."""


def truth_code(task: PlanningTask, answer_format: AnswerFormat = AnswerFormat.PLAIN) -> str:
    """Source of a module with ``process_graph(graph_data)`` that gives what the task expects."""
    return code_of(task.steps, answer_format)


def code_of(steps: Sequence[Operation], answer_format: AnswerFormat) -> str:
    """Source of a module with ``process_graph(graph_data)`` that does these steps; the last gives the answer."""
    return written([line for step in steps for line in step.code()], steps[-1].gives, answer_format)


def written(lines: Sequence[str], kind: str, answer_format: AnswerFormat) -> str:
    """Source of a module with ``process_graph(graph_data)``.

    Args:
        lines: what changes ``graph`` and sets ``answer``; unless a graph is asked for.
        kind: of the answer, one of those of `words.RETURNED`.
        answer_format: what is returned.
    """
    imports = ""
    lines = ["graph = graph_data", *lines]
    if kind == "graph":
        lines.append("answer = graph")
    if answer_format is AnswerFormat.NETARENA:
        imports = "import networkx\n\n\n"
        data = "updated" if kind == "graph" else "answer"
        lines.append("updated = networkx.node_link_data(graph)")
        lines.append(f"answer = {{'type': {NETARENA_TYPES[kind]!r}, 'data': {data}, 'updated_graph': updated}}")
    body = "\n".join(f"    {line}" for line in [*lines, "return answer"])
    return imports + "\n\n".join([*_called(body), f"def process_graph(graph_data):\n{body}\n"])


def _called(body: str) -> list[str]:
    """The functions that a body needs, with those that these need."""
    needed: set[str] = set()
    stack = [body]
    while stack:
        text = stack.pop()
        new = {name for name in FUNCTIONS if re.search(rf"(?<![.\w]){name}\(", text)} - needed
        needed |= new
        stack += [FUNCTIONS[name] for name in new]
    return [source for name, source in FUNCTIONS.items() if name in needed]
