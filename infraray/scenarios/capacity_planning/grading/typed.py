"""Reads what `inside` says: values with their types, in JSON that anybody may have written.

Nothing is run to read it, and nothing but Python's own immutable values, lists, tuples and dicts comes of it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from infraray.scenarios.capacity_planning.changes import Edge

DEEPEST = 22
LONGEST_NAME = 200
LONGEST_REASON = 1000


class Unreadable(ValueError):
    """The reply is not what `inside` writes: the code has written it itself."""


GRAPH = object()
"""The answer is the graph."""


@dataclass(frozen=True)
class Reply:
    """What the code did.

    Args:
        outcome: ``returned``, ``no_function``, ``error``, ``not_data`` or ``memory``.
        reason: in one line, of an error or what is no data.
        kind: what the answer calls itself, where its format has that; None elsewhere.
        answer: what was returned; `GRAPH` for the graph.
        nodes: attributes of the nodes that are not as they were, None for those that are gone.
        edges: the same of edges.
    """

    outcome: str
    reason: str = ""
    kind: Any = None
    answer: Any = None
    nodes: dict[str, Any] | None = None
    edges: dict[Edge, Any] | None = None


def read_reply(text: bytes) -> Reply:
    """Reads a reply.

    Raises:
        Unreadable: it is none.
    """
    try:
        said = json.loads(text)
        outcome = said["outcome"]
        if outcome in ("no_function", "memory"):
            return Reply(outcome)
        if outcome in ("error", "not_data"):
            return Reply(outcome, _printable(str(said["reason"])))
        if outcome != "returned":
            raise Unreadable("no such outcome")
        kind = _value(said["type"], 0) if "type" in said else None
        answer = GRAPH if said["answer"] == ["graph"] else _value(said["answer"], 0)
        nodes = {_text(name): _attributes(held) for name, held in said["nodes"]}
        edges = {(_text(start), _text(end)): _attributes(held) for start, end, held in said["edges"]}
        if len(nodes) != len(said["nodes"]) or len(edges) != len(said["edges"]):
            raise Unreadable("a node or an edge stands there twice")
        return Reply(outcome, "", kind, answer, nodes, edges)
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        raise Unreadable(str(error)) from None


def _attributes(said: Any) -> dict[str, Any] | None:
    if said is None:
        return None
    held = _value(said, 0)
    if type(held) is not dict or not all(type(name) is str for name in held):
        raise Unreadable("attributes are not a dict")
    return held


def _value(said: Any, depth: int) -> Any:
    """The value that a type's name and a content are."""
    if depth > DEEPEST:
        raise Unreadable("too deep")
    kind, *content = said
    if kind == "none" and not content:
        return None
    (held,) = content
    if kind in ("list", "tuple"):
        parts = [_value(each, depth + 1) for each in held]
        return tuple(parts) if kind == "tuple" else parts
    if kind == "dict":
        return {_value(key, depth + 1): _value(each, depth + 1) for key, each in held}
    if kind == "float":
        return float.fromhex(held)
    if type(held) is not {"str": str, "int": int, "bool": bool}[kind]:
        raise Unreadable("a value is not of its type")
    return _printed(held) if isinstance(held, str) else held


def _text(said: Any) -> str:
    if type(said) is not str or len(said) > LONGEST_NAME:
        raise Unreadable("a name is not a text")
    return _printed(said)


def _printed(text: str) -> str:
    if not text.isprintable():
        raise Unreadable("a text is not printable")
    return text


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text[:LONGEST_REASON])
