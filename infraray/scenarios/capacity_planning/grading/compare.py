"""Compares what came back with what is right, exactly and by type, and says the first difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from infraray.scenarios.capacity_planning.changes import Change, Edge

Attributes = dict[str, Any]


def difference(found: Any, right: Any, where: str = "the answer") -> str | None:
    """How a value differs, in one line; None where it does not. Types count: 1, 1.0, True and "1" are four values."""
    if type(found) is not type(right):
        return f"{where} is {_shown(found)}, a {type(found).__name__}; a {type(right).__name__} is wanted"
    if isinstance(right, list | tuple):
        return _sequence_difference(found, right, where)
    if isinstance(right, dict):
        return _mapping_difference(found, right, where)
    return None if found == right else f"{where} is {_shown(found)}, which is wrong"


def graph_difference(
    nodes: Mapping[str, Attributes | None], edges: Mapping[Edge, Attributes | None], changes: Sequence[Change]
) -> str | None:
    """How a graph differs, None where it does not: nodes, attributes, directions and types of edges.

    Args:
        nodes: those that are not as they were, with their attributes; None for those that are gone.
        edges: the same of edges.
        changes: what is to be different, and nothing else.
    """
    right_nodes = {change.key: change.after for change in changes if isinstance(change.key, str)}
    right_edges = {change.key: _edge_attributes(change.after) for change in changes if isinstance(change.key, tuple)}
    for name in sorted(right_nodes.keys() | nodes.keys()):
        found = _keyed_difference(f"node {name}", name, nodes, right_nodes)
        if found is not None:
            return found
    told = {edge: _in_order(attributes) for edge, attributes in edges.items()}
    for start, end in sorted(right_edges.keys() | told.keys()):
        found = _keyed_difference(f"edge {start} -> {end}", (start, end), told, right_edges)
        if found is not None:
            turned = told.get((end, start)) is not None and (end, start) not in right_edges
            return f"{found}; there is one from {end} to {start}" if turned else found
    return None


def _keyed_difference(where: str, key: Any, found: Mapping[Any, Any], right: Mapping[Any, Any]) -> str | None:
    """How one node or edge differs; one that stands nowhere is as it was."""
    if key not in right:
        return f"{where} is {'gone' if found[key] is None else 'new or changed'}, and was not to be"
    if key not in found:
        return f"{where} is as it was, and was to be {'gone' if right[key] is None else 'made or changed'}"
    if found[key] is None or right[key] is None:
        return None if found[key] is right[key] else f"{where} is {'gone' if found[key] is None else 'still there'}"
    return difference(found[key], right[key], where)


def _sequence_difference(found: Sequence[Any], right: Sequence[Any], where: str) -> str | None:
    for place, (one, other) in enumerate(zip(found, right, strict=False)):
        different = difference(one, other, f"{where}[{place}]")
        if different is not None:
            same = len(found) == len(right) and sorted(map(repr, found)) == sorted(map(repr, right))
            return f"{where} has the right entries in the wrong order, from [{place}] on" if same else different
    return None if len(found) == len(right) else f"{where} has {len(found)} entries, which is the wrong number"


def _mapping_difference(found: Mapping[Any, Any], right: Mapping[Any, Any], where: str) -> str | None:
    for name in right:
        if name not in found:
            return f"{where} has no {name}"
        different = difference(found[name], right[name], f"{where}'s {name}")
        if different is not None:
            return different
    extra = [name for name in found if name not in right]
    return f"{where} has {_shown(extra[0])}, which is not to be there" if extra else None


def _edge_attributes(relationships: frozenset[str] | None) -> Attributes | None:
    return None if relationships is None else {"type": sorted(relationships)}


def _in_order(attributes: Attributes | None) -> Attributes | None:
    """An edge's attributes, whose types have no order."""
    kinds = attributes.get("type") if attributes is not None else None
    if attributes is None or type(kinds) is not list or not all(type(kind) is str for kind in kinds):
        return attributes
    return {**attributes, "type": sorted(kinds)}


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
