"""What runs an agent's code: a module of the warm interpreter, in whose forks nothing is to be trusted afterwards.

It tells what ``process_graph`` returned and what is different in the graph, as JSON in which every value has its type.
The code may have changed anything here; all that it gains is to say something else than it would have returned.
It knows no right answer. What it compares with is kept as bytes, so that no object has a say in what it equals.
"""

from __future__ import annotations

import bisect
import gc
import itertools
import json
import marshal
import random
from dataclasses import dataclass, field
from typing import Any

import networkx
import numpy
import pandas  # type: ignore[import-untyped]  # noqa: F401 (agents' code finds it loaded)

DEEPEST = 20
"""Levels of lists in lists."""

LONGEST_TEXT = 10_000
"""Characters of a string in an answer."""

LONGEST_NAME = 200
"""Characters of a node's name."""

LONGEST_REASON = 400

FILE = "answer.py"
"""What tracebacks call the code."""

_encode = json.JSONEncoder(separators=(",", ":")).encode
_pack = marshal.dumps
_INT64 = 2**63


class NotData(Exception):
    """What was returned is nothing that an answer is made of; the text says what and where."""


@dataclass
class Packed:
    """A dict as bytes, in which what differs from a later state is found without a look at every object.

    To count a reference writes to an object, and to write to memory that a fork shares copies its page: a walk over
    the graph's objects costs more than twice of what it costs elsewhere. `marshal` writes them all to bytes and counts
    nothing.
    """

    content: bytes
    places: dict[str, int]
    starts: list[int] = field(default_factory=lambda: [1])
    """Where each key's record begins, and after them the end mark."""

    @classmethod
    def of(cls, held: dict[str, Any]) -> Packed:
        """The dict as it is now."""
        packed = cls(_pack(held, 2), {key: place for place, key in enumerate(held)})
        for key, value in held.items():
            packed.starts.append(packed.starts[-1] + len(_pack(key, 2)) + len(_pack(value, 2)))
        return packed

    def is_held(self, key: Any, value: Any) -> bool:
        """Whether a key has this value; equal ones have equal bytes, whatever ``==`` says."""
        if type(key) is not str or key not in self.places:
            return False
        place = self.places[key]
        try:
            return self.content[self.starts[place] : self.starts[place + 1]] == _pack(key, 2) + _pack(value, 2)
        except ValueError:
            return False  # it cannot be packed; what it is made of is told by its type

    def differing(self, now: dict[Any, Any]) -> list[Any]:
        """The keys that have another value, are new or are gone."""
        try:
            found = self._differing(_pack(now, 2))
        except ValueError:
            found = None
        if found is None:
            found = [key for key, value in now.items() if not self.is_held(key, value)]
            found += [key for key in self.places if key not in now]
        return found

    def _differing(self, content: bytes) -> list[Any] | None:
        """The same from bytes; None where keys stand in another order."""
        found: list[str] = []
        places = self.places
        at = 1
        place = 0
        while True:
            offset = self.starts[place] + _equal(content, at, self.content, self.starts[place])
            reached = bisect.bisect_right(self.starts, offset) - 1
            at += self.starts[reached] - self.starts[place]
            place = reached
            if at >= len(content) - 1:
                return found + self._keys(place, len(places))
            key = marshal.loads(content[at:])
            length = len(_pack(key, 2))
            length += len(_pack(marshal.loads(content[at + length :]), 2))
            if type(key) is not str or places.get(key, place) < place:
                return None
            if key in places:
                found += self._keys(place, places[key])
                place = places[key] + 1
                if content[at : at + length] != self.content[self.starts[place - 1] : self.starts[place]]:
                    found.append(key)
            else:
                found.append(key)
            at += length

    def _keys(self, begin: int, end: int) -> list[str]:
        return list(itertools.islice(self.places, begin, end)) if begin < end else []


def _equal(one: bytes, begin: int, other: bytes, start: int) -> int:
    """How many bytes are equal from there on."""
    count, step = 0, 256
    while step:
        part = one[begin + count : begin + count + step]
        if part and part == other[start + count : start + count + step]:
            count += len(part)
            step *= 2
        else:
            step = min(step, max(len(part), 1)) // 2
    return count


@dataclass(frozen=True)
class Prepared:
    """The graph, and as bytes its nodes and what follows each."""

    graph: networkx.DiGraph
    nodes: Packed
    successors: Packed
    edges: dict[str, Packed]


def prepare(given: bytes) -> Prepared:
    """Builds the graph from what `Topology.to_data` gives, as JSON."""
    data = json.loads(given)
    graph = networkx.DiGraph()
    graph.add_nodes_from((name, attributes) for name, attributes in data["nodes"])
    graph.add_edges_from((start, end, {"type": kinds}) for start, end, kinds in data["edges"])
    edges = {start: Packed.of(ends) for start, ends in graph._adj.items() if ends}
    random.seed(0)
    numpy.random.seed(0)
    return Prepared(graph, Packed.of(graph._node), Packed.of(graph._adj), edges)


def answer(prepared: Prepared, request: bytes) -> bytes:
    """Runs the code of a request and says what came of it, as a JSON object with ``outcome``."""
    gc.disable()  # a collection would write to all of the memory that is shared
    asked = json.loads(request)
    said = _run(prepared, asked["code"], asked["format"] == "netarena")
    return _encode(said).encode("ascii")


def _run(prepared: Prepared, code: str, netarena: bool) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "answer", "__builtins__": __builtins__}
    try:
        exec(compile(code, FILE, "exec", dont_inherit=True), space)
        function = space.get("process_graph")
        if not callable(function):
            return {"outcome": "no_function"}
        returned = function(prepared.graph)
    except MemoryError:
        return {"outcome": "memory"}
    except BaseException as error:
        return {"outcome": "error", "reason": _describe(error)}
    try:
        return _netarena(prepared, returned) if netarena else _plain(prepared, returned)
    except MemoryError:
        return {"outcome": "memory"}
    except NotData as error:
        return {"outcome": "not_data", "reason": str(error)}
    except BaseException as error:
        return {"outcome": "not_data", "reason": _describe(error)}


def _plain(prepared: Prepared, returned: Any) -> dict[str, Any]:
    """The answer is what is returned; the graph is the one that is returned, else the one that was given."""
    if isinstance(returned, networkx.Graph):
        return {"outcome": "returned", "answer": ["graph"], **_changes(prepared, returned)}
    return {"outcome": "returned", "answer": typed(returned, "the answer"), **_changes(prepared, prepared.graph)}


def _netarena(prepared: Prepared, returned: Any) -> dict[str, Any]:
    """A dict with ``type``, ``data`` and ``updated_graph``, as NetArena's public benchmark wants it."""
    if type(returned) is not dict or not {"type", "data", "updated_graph"} <= returned.keys():
        raise NotData("the answer is not a dict with 'type', 'data' and 'updated_graph'")
    kind = typed(returned["type"], "'type'")
    is_graph = kind == ["str", "graph"]
    graph = _as_graph(returned["data" if is_graph else "updated_graph"])
    answered = ["graph"] if is_graph else typed(returned["data"], "'data'")
    return {"outcome": "returned", "type": kind, "answer": answered, **_changes(prepared, graph)}


def _as_graph(given: Any) -> networkx.DiGraph:
    """A graph, also as ``networkx.node_link_data`` writes it."""
    if isinstance(given, networkx.Graph):
        return given
    if type(given) is not dict:
        raise NotData(f"the graph is {_name(given)}, not what networkx.node_link_data gives")
    try:
        return networkx.node_link_graph(given, edges="edges" if "edges" in given else "links")
    except Exception as error:
        raise NotData(f"the graph is not what networkx.node_link_data gives: {_describe(error)}") from None


def _changes(prepared: Prepared, graph: Any) -> dict[str, list[Any]]:
    """The nodes and edges that are not as they were given, None for those that are gone."""
    if type(graph) is not networkx.DiGraph:
        raise NotData(f"the graph is {_name(graph)}, not a networkx.DiGraph")
    nodes, successors = vars(graph)["_node"], vars(graph)["_adj"]
    if type(nodes) is not dict or type(successors) is not dict:
        raise NotData("the graph is a view of another one; return graph.copy()")
    changed: list[list[Any]] = [
        [_node(name), typed(nodes[name], f"node {name}") if name in nodes else None]
        for name in prepared.nodes.differing(nodes)
    ]
    related: list[list[Any]] = []
    for start in prepared.successors.differing(successors):
        held, ends = prepared.edges.get(_node(start)), successors.get(start, {})
        if type(ends) is not dict:
            raise NotData("the graph's edges are not in dicts")
        for end in held.differing(ends) if held is not None else ends:
            told = typed(ends[end], f"edge {start} -> {end}") if end in ends else None
            related.append([start, _node(end), told])
    return {"nodes": changed, "edges": related}


def _node(name: Any) -> str:
    if type(name) is not str or len(name) > LONGEST_NAME or not name.isprintable():
        raise NotData(f"a node's key is {_name(name)}, not a printable str of at most {LONGEST_NAME} characters")
    return name


_NUMPY: dict[type, type] = {
    **dict.fromkeys((numpy.int8, numpy.int16, numpy.int32, numpy.int64), int),
    **dict.fromkeys((numpy.uint8, numpy.uint16, numpy.uint32, numpy.uint64), int),
    **dict.fromkeys((numpy.float16, numpy.float32, numpy.float64), float),
    numpy.bool_: bool,
    numpy.str_: str,
}
"""NumPy's scalars, which sums of pandas are, count as Python's."""


def typed(value: Any, where: str, depth: int = 0) -> list[Any]:
    """A value as a list of its type's name and its content; types are exact, a subclass is nothing of an answer."""
    kind = type(value)
    if kind in _NUMPY:
        kind = _NUMPY[kind]
        value = kind(value)
    if kind is str:
        if len(value) > LONGEST_TEXT or not value.isprintable():
            raise NotData(f"{where} holds a str that is not printable or has more than {LONGEST_TEXT} characters")
        return ["str", value]
    if value is None or kind is bool:
        return ["none"] if value is None else ["bool", value]
    if kind is int:
        if not -_INT64 <= value < _INT64:
            raise NotData(f"{where} holds an int of more than 64 bits")
        return ["int", value]
    if kind is float:
        return ["float", value.hex()]
    if depth == DEEPEST:
        raise NotData(f"{where} is nested more than {DEEPEST} deep")
    if kind is list or kind is tuple:
        return [kind.__name__, [typed(each, where, depth + 1) for each in value]]
    if kind is dict:
        pairs = value.items()
        return ["dict", [[typed(key, where, depth + 1), typed(each, where, depth + 1)] for key, each in pairs]]
    raise NotData(f"{where} holds {_name(value)}; answers are made of str, int, float, bool, list, tuple and dict")


def _name(value: Any) -> str:
    """A value's type, whatever that says of itself."""
    name = type.__dict__["__name__"].__get__(type(value))
    return f"a {name[:80]}"


def _describe(error: BaseException) -> str:
    """An error in one line, with the line of the code; its own text may raise, or be anything."""
    name = _name(error).removeprefix("a ")
    line = getattr(error, "lineno", None) if type(error) is SyntaxError else _line(error)
    try:
        text = str.__str__(str(error)).split("\n")[0][:LONGEST_REASON]
    except BaseException:
        text = "its text cannot be had"
    place = f"line {line}: " if type(line) is int else ""
    return f"{place}{name}: {text}"


def _line(error: BaseException) -> int | None:
    """The last line of the code that the error went through."""
    line, at = None, BaseException.__dict__["__traceback__"].__get__(error)
    while at is not None:
        if at.tb_frame.f_code.co_filename == FILE:
            line = at.tb_lineno
        at = at.tb_next
    return line
