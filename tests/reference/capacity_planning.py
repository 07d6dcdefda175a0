"""The constraints on a datacenter graph once more, in NetworkX alone, by brute force over the whole graph."""

from __future__ import annotations

import networkx

CONTAINS = """
JUPITER SUPERBLOCK; JUPITER SPINEBLOCK; SUPERBLOCK AGG_BLOCK; SPINEBLOCK PACKET_SWITCH; AGG_BLOCK PACKET_SWITCH;
RACK CHASSIS; CHASSIS CONTROL_POINT; CHASSIS PACKET_SWITCH; CONTROL_DOMAIN CONTROL_POINT; CONTROL_DOMAIN PACKET_SWITCH;
CONTROL_POINT PACKET_SWITCH; PACKET_SWITCH PORT
"""
PAIRS = {
    "RK_CONTAINS": {tuple(f"EK_{kind}" for kind in pair.split()) for pair in CONTAINS.split(";")},
    "RK_CONTROLS": {("EK_CONTROL_POINT", "EK_PACKET_SWITCH")},
}
KINDS = {kind for pair in PAIRS["RK_CONTAINS"] for kind in pair}


def kinds(graph: networkx.DiGraph, node: str) -> set[str]:
    given = graph.nodes[node].get("type")
    return {kind for kind in given if isinstance(kind, str)} if isinstance(given, list) else set()


def capacity(graph: networkx.DiGraph, node: str) -> float:
    value = graph.nodes[node].get("physical_capacity_bps")
    return value if type(value) in (int, float) and 0 < value <= 2**63 - 1 else 0


def broken(graph: networkx.DiGraph) -> set[tuple[str, str | tuple[str, str]]]:
    """(constraint, node or edge) for all that does not hold."""
    found: set[tuple[str, str | tuple[str, str]]] = set()
    for node, given in graph.nodes(data="type"):
        if type(given) is not list or len(given) == 0 or len(kinds(graph, node) & KINDS) < len(given):
            found.add(("valid_type", node))
        if "EK_PORT" in kinds(graph, node) and capacity(graph, node) < 1e9:
            found.add(("port_capacity", node))
    for start, end, relationships in graph.edges(data="type"):
        if not relationships or not set(relationships) <= set(PAIRS):
            found.add(("valid_edge", (start, end)))
        for relationship in set(relationships) & set(PAIRS):
            joined = {(one, other) for one in kinds(graph, start) for other in kinds(graph, end)}
            if joined.isdisjoint(PAIRS[relationship]):
                found.add(("hierarchy", (start, end)))
    others = graph.copy()
    others.remove_edges_from(list(networkx.selfloop_edges(graph)))
    found |= {("no_isolated_node", node) for node in networkx.isolates(others)}
    for switch in [node for node in others if "EK_PACKET_SWITCH" in kinds(others, node)]:
        ports = [
            port
            for port, edge in others.adj[switch].items()
            if "RK_CONTAINS" in edge["type"] and "EK_PORT" in kinds(others, port)
        ]
        if not ports:
            found.add(("switch_has_port", switch))
        if sum(capacity(others, port) for port in ports) < 10e9:
            found.add(("switch_bandwidth", switch))
    return found
