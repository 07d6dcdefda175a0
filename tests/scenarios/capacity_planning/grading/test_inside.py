"""What differs in a graph, found by bytes: the same as a comparison of every object finds."""

from __future__ import annotations

import json
import random
from typing import Any

import networkx
import pytest

from infraray.scenarios.capacity_planning.generator import SMALL, generate
from infraray.scenarios.capacity_planning.grading import inside
from infraray.scenarios.capacity_planning.grading.typed import read_reply

GIVEN = json.dumps(generate(SMALL, 0).to_data()).encode()


def change(graph: networkx.DiGraph, draw: random.Random) -> None:
    """One change of any kind."""
    nodes = sorted(graph)
    some, other = draw.choice(nodes), draw.choice(nodes)
    kind = draw.randrange(7)
    if kind == 0:
        graph.remove_node(some)
    elif kind == 1:
        graph.add_node(f"{some}.new{draw.randrange(99)}", name="new", type=["EK_PORT"])
    elif kind == 2:
        graph.nodes[some][draw.choice(["name", "type", "x"])] = draw.choice([1, 1.0, True, "1", [1], (1,), None, {}])
    elif kind == 3:
        graph.add_edge(some, other, type=draw.choice([["RK_CONTAINS"], ["RK_CONTROLS"], "RK_CONTAINS"]))
    elif kind == 4 and graph.edges:
        graph.remove_edge(*draw.choice(sorted(graph.edges)))
    elif kind == 5 and graph.edges:
        graph.edges[draw.choice(sorted(graph.edges))]["type"] = []
    elif kind == 6:
        attributes = dict(graph.nodes[some])
        graph.nodes[some].clear()
        graph.nodes[some].update(attributes)  # equal, whatever happened to it on the way


def tagged(value: Any) -> Any:
    """A value with its types, for an equality that counts them."""
    if isinstance(value, dict):
        return {key: tagged(each) for key, each in value.items()}
    return type(value).__name__, [tagged(each) for each in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("seed", range(60))
def test_differences_are_those_of_every_object(seed: int) -> None:
    prepared, before = inside.prepare(GIVEN), inside.prepare(GIVEN).graph
    draw = random.Random(seed)
    graph = prepared.graph
    for _ in range(draw.choice([0, 1, 1, 2, 5, 40])):
        change(graph, draw)
    if seed % 5 == 0:  # in another order
        turned = networkx.DiGraph()
        turned.add_nodes_from(reversed(list(graph.nodes(data=True))))
        turned.add_edges_from(reversed(list(graph.edges(data=True))))
        graph = turned
    said = {"outcome": "returned", "answer": ["none"], **inside._changes(prepared, graph)}
    reply = read_reply(json.dumps(said).encode())
    for told, now, then in ((reply.nodes, graph.nodes, before.nodes), (reply.edges, graph.edges, before.edges)):
        kept = {key for key in now if key in then and tagged(dict(now[key])) == tagged(dict(then[key]))}
        right: dict[Any, Any] = {key: dict(now[key]) for key in now if key not in kept}
        right |= {key: None for key in then if key not in now}
        assert tagged(told) == tagged(right)


def test_an_answer_comes_back_with_its_types() -> None:
    for value in (0, -(2**63), True, None, "x", 0.1, 1e300, [], [1, "1", (1.0, True)], {"a": [(1,)], 2: None}, ()):
        said = json.dumps({"outcome": "returned", "answer": inside.typed(value, "x"), "nodes": [], "edges": []})
        assert tagged(read_reply(said.encode()).answer) == tagged(value)
