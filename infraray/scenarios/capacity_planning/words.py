"""What a task's question leaves to common rules, in words: the terms, what changes mean, and the form of the answer."""

from __future__ import annotations

from enum import StrEnum

from infraray.scenarios.capacity_planning.hierarchy import KINDS, RK_CONTAINS, RK_CONTROLS


class AnswerFormat(StrEnum):
    """What ``process_graph`` returns."""

    PLAIN = "plain"
    """The answer; changes are made in the graph that it got."""

    NETARENA = "netarena"
    """The dict of NetArena's public benchmark, with ``type``, ``data`` and ``updated_graph``."""


RETURNED = {
    "graph": "Return the updated graph.",
    "number": "Return the number as an int.",
    "list": "Return the names as a list of str, sorted.",
    "table": "Return a list of tuples (name, capacity in bit/s), in that order.",
}
"""The last sentence of a question, by the kind of its answer."""

NETARENA_TYPES = {"graph": "graph", "number": "text", "list": "list", "table": "table"}
"""What the public benchmark calls the kinds of answers."""

TERMS = f"""\
The graph is a networkx.DiGraph. Every node is keyed by its name and has the attributes `name` and `type`, a list of
its kinds: entities that share a name are one node of several kinds. Every edge has the attribute `type`, a list of
{RK_CONTAINS}, {RK_CONTROLS} or both.
- A node's children are the other nodes to which it has an edge with {RK_CONTAINS}; an edge to itself does not make it
  its own child. Under a node are its children, their children and so on, to any depth.
- A node is a port, a packet switch and so on if that kind is in its `type`.
- The capacity of a node is the sum of `physical_capacity_bps`, in bit/s, of the ports that it is or that are under it,
  each counted once. Bounds count as within.
- A new port gets `name`, `type` ["EK_PORT"] and `physical_capacity_bps`. A new packet switch gets `name` and `type`
  ["EK_PACKET_SWITCH"]; its n ports are new too and called by its name and .p1, .p2 to .pn. A new node has one edge,
  with `type` ["{RK_CONTAINS}"]: from the node to which it is added, a new switch's ports from the switch.
- With a node that is removed go its edges and, at every depth, those nodes under it that no remaining node contains;
  what another node still contains stays.
- Names are sorted as Python sorts str. Nodes of equal capacity are ranked by name, the smaller name first.
- [Brackets] hold what a condition or a loop is about. A loop goes over its nodes by name, as they are before its first
  change; `X` is the name of the node at hand, and `X.a` is that name and then .a.
- What a question says is done in its order, each sentence on the graph that the sentence before left."""
"""The rules by which every question has one answer."""

_FORMS = {
    AnswerFormat.PLAIN: """\
Write process_graph(graph_data) in Python. It makes the changes in graph_data itself and returns the answer; graph_data,
where the updated graph is asked for.""",
    AnswerFormat.NETARENA: """\
Write process_graph(graph_data) in Python. It returns a dict with `type`, `data` and `updated_graph`. `type` is "text"
for a number, "list" for names, "table" for tuples and "graph" for the graph; `data` is the answer; `updated_graph`, and
`data` where the graph is asked for, is networkx.node_link_data of the updated graph.""",
}


def describe_hierarchy() -> str:
    """What may contain what, a line a kind."""
    return "\n".join(
        f"{kind.name} ({kind.noun}) contains {', '.join(kind.contains)}" for kind in KINDS.values() if kind.contains
    )


def rules(answer_format: AnswerFormat = AnswerFormat.PLAIN) -> str:
    """All that is the same for every task: what to write, the terms, and the hierarchy."""
    return "\n".join((_FORMS[answer_format], TERMS, "The hierarchy:", describe_hierarchy()))
