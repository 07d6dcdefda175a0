"""Reads protocol buffers' text format where the schema is not known, as that of MALT is not public.

The grammar is https://protobuf.dev/reference/protobuf/textformat-spec/ without lists in brackets, extensions and Any;
tokens come from the protobuf library, whose own parser needs a schema.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from google.protobuf import text_format  # type: ignore[import-untyped]

from infraray.errors import InfrarayError

DEEPEST = 32
LONGEST_REASON = 200


class Field(NamedTuple):
    """A field as it is written: its value is a string, a number, a truth value, or the fields of a message."""

    name: str
    value: Any
    line: int


def read_fields(name: str, content: bytes) -> list[Field]:
    """The fields of a file, in their order; names of enumerations' values are strings.

    Raises:
        InfrarayError: one line with ``name``, the line and what is wrong.
    """
    try:
        lines = content.decode().split("\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InfrarayError(f"{name}: line {line}: is not UTF-8") from None
    try:
        return _fields(text_format.Tokenizer(lines), closing=None, depth=0)
    except text_format.ParseError as error:
        reason = str(error).partition(" : ")[2][-LONGEST_REASON:]
        raise InfrarayError(f"{name}: line {error.GetLine()}: {reason}") from None


def _fields(tokens: Any, closing: str | None, depth: int) -> list[Field]:
    found = []
    while not (tokens.AtEnd() if closing is None else tokens.TryConsume(closing)):
        if tokens.AtEnd():
            raise tokens.ParseErrorPreviousToken(f"the file ends before {closing!r}")
        if depth > DEEPEST:
            raise tokens.ParseError(f"more than {DEEPEST} messages within one another")
        line = tokens.ParseError("").GetLine()
        name = tokens.ConsumeIdentifier()
        found.append(Field(name, _value(tokens, depth), line))
        if not tokens.TryConsume(","):
            tokens.TryConsume(";")
    return found


def _value(tokens: Any, depth: int) -> Any:
    has_colon = tokens.TryConsume(":")
    for opening, closing in (("{", "}"), ("<", ">")):
        if tokens.TryConsume(opening):
            return _fields(tokens, closing, depth + 1)
    if not has_colon:
        raise tokens.ParseError("expected ':' or '{' after a field's name")
    if tokens.token.startswith(("'", '"')):
        return tokens.ConsumeString()
    for consume in (tokens.ConsumeInteger, tokens.ConsumeFloat, tokens.ConsumeIdentifier):
        try:
            value = consume()
        except text_format.ParseError:
            continue
        if isinstance(value, float) and not math.isfinite(value):
            raise tokens.ParseErrorPreviousToken(f"{value}: must be a finite number")
        return {"true": True, "false": False}.get(value, value)
    raise tokens.ParseError("expected a value")
