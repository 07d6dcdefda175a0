"""Which names a piece of Python defines and which it needs, so that an answer's pieces can be put together."""

from __future__ import annotations

import ast
import builtins
import re
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

_DEFINITION = re.compile(r"^(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)", re.MULTILINE)
_BUILTINS = frozenset(dir(builtins))
_SCOPES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda


@dataclass(frozen=True)
class Piece:
    """A piece of code.

    Args:
        source: its text.
        wrong_line: the line from 1 at which it cannot be parsed, 0 where that is not known; None where it can be.
        defines: names that it binds at its top level.
        needs: names that it uses and nowhere binds, beside Python's own.
    """

    source: str
    wrong_line: int | None
    defines: frozenset[str]
    needs: frozenset[str]


def read_piece(source: str) -> Piece:
    """What a piece defines and needs; of one that cannot be parsed, what its lines begin to define."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a string's invalid escape is the agent's own business
            tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        wrong_line = getattr(error, "lineno", None) or 0
        return Piece(source, wrong_line, frozenset(_DEFINITION.findall(source)), frozenset())
    nodes = list(ast.walk(tree))
    bound = {name for node in nodes for name in _bound_by(node)}
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    return Piece(source, None, frozenset(_defined_by(tree)), frozenset(used - bound - _BUILTINS))


def with_needed(piece: Piece, others: list[Piece]) -> list[Piece]:
    """The piece behind the other ones that define what it needs, and what those need in turn."""
    definers: defaultdict[str, set[Piece]] = defaultdict(set)
    for other in others:
        for name in other.defines:
            definers[name].add(other)
    taken: set[Piece] = set()
    names = list(piece.needs)
    while names:
        new = definers.pop(names.pop(), set()) - taken
        taken |= new
        names += [name for other in new for name in other.needs]
    return [other for other in others if other in taken] + [piece]


def _defined_by(tree: ast.Module) -> Iterator[str]:
    stack: list[ast.AST] = list(tree.body)
    while stack:
        node = stack.pop()
        yield from _bound_by(node)
        if not isinstance(node, _SCOPES):
            stack += ast.iter_child_nodes(node)


def _bound_by(node: ast.AST) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
            return [name]
        case ast.alias(name=name, asname=other):
            return [other or name.partition(".")[0]]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return [name]
        case ast.MatchMapping(rest=str(name)):
            return [name]
    return []
