"""A user's YAML file, and the line of each of its parts for error messages."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from infraray.errors import InfrarayError

Place = tuple[int | str, ...]
"""A place in a file: ``("scenarios", 0, "parameters")``."""

Where = Callable[[Place], str]
"""Turns a place into the start of an error's line: ``study.yaml:12: ``."""


class Loader(yaml.SafeLoader):
    """YAML without base-60 numbers: ``10:30`` is a range of seeds, not 630."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (PyYAML's form)
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":int", ":float"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Makes the value of a node; one that looks like a date but is not one is an error with its line."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, KeyError, AttributeError):
            problem = f"{str(node.value)[:40]!r} is not a {node.tag.rpartition(':')[2]}; text goes in quotes"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None


Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(0|[1-9][0-9_]*)$"), list("-+0123456789"))
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^([-+]?([0-9][0-9_]*\.[0-9_]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?|[-+]?\.(inf|nan))$"),
    list("-+0123456789."),
)


MOST_NODES = 1_000_000
"""The most values in a file with its anchors expanded: a few lines of them can stand for more than any memory holds."""


def read_yaml(path: str | Path, needs: str) -> tuple[dict[str, Any], Where]:
    """Reads a file that holds a mapping; a missing ``name`` becomes the file's.

    Args:
        path: the file.
        needs: what it must hold at least, for the error about a file that is not a mapping: ``'scenario'``.

    Raises:
        InfrarayError: one line with the file, the line and what is wrong.
    """
    data, where = read_yaml_mapping(path, f" with at least {needs}")
    data.setdefault("name", Path(path).stem)
    return data, where


def read_yaml_mapping(path: str | Path, needs: str = "") -> tuple[dict[str, Any], Where]:
    """Reads a file that holds a mapping, in which no name is given twice.

    Args:
        path: the file.
        needs: the end of the error about a file that is not a mapping.

    Raises:
        InfrarayError: one line with the file, the line and what is wrong.
    """
    text = _read_text(path)
    try:
        root = yaml.compose(text, Loader=Loader)
        if root is not None:
            _check_nodes(root)
        data = yaml.load(text, Loader=Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        reason = " ".join(str(getattr(error, "problem", None) or error).split())
        if "\\t" in reason:
            reason = f"{reason}; indent by spaces, not tabs"
        raise InfrarayError(f"{path}{line}: not valid YAML: {reason}") from None
    except RecursionError:
        raise InfrarayError(f"{path}: is nested too deeply") from None
    except (ValueError, TypeError, OverflowError) as error:  # such as a number with more digits than Python converts
        raise InfrarayError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise InfrarayError(f"{path}: must be a mapping{needs}")
    return data, lambda place: f"{path}:{_line(root, place)}: "


def _read_text(path: str | Path) -> str:
    """The text of a file in UTF-8, or in the encoding of its byte-order mark."""
    try:
        content = Path(path).read_bytes()
        for mark, encoding in _MARKS.items():
            if content.startswith(mark):
                return content.decode(encoding)
        return content.decode()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file in UTF-8"
        raise InfrarayError(f"{path}: cannot be read ({reason})") from None


_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def _check_nodes(root: yaml.Node) -> None:
    """Refuses names that are given twice, and anchors that contain themselves or expand to too much.

    Raises:
        yaml.YAMLError: with the line.
    """
    sizes: dict[int, int | None] = {}

    def size(node: yaml.Node) -> int:
        if id(node) in sizes:
            known = sizes[id(node)]
            if known is None:
                raise yaml.constructor.ConstructorError(None, None, "it contains itself", node.start_mark)
            return known
        sizes[id(node)] = None
        total = 1
        if isinstance(node, yaml.MappingNode):
            _check_names(node)
            total += sum(size(part) for pair in node.value for part in pair)
        elif isinstance(node, yaml.SequenceNode):
            total += sum(size(part) for part in node.value)
        if total > MOST_NODES:
            raise yaml.constructor.ConstructorError(None, None, "it stands for too much", node.start_mark)
        sizes[id(node)] = total
        return total

    size(root)


def _check_names(mapping: yaml.MappingNode) -> None:
    lines: dict[tuple[str, str], int] = {}
    for key, _ in mapping.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        name = key.tag, key.value
        if name in lines:
            problem = f"{key.value} is given twice, first in line {lines[name]}; keep one"
            raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
        lines[name] = key.start_mark.line + 1


def nowhere(place: Place) -> str:
    """The start of an error's line about something that is not in a file."""
    return ""


def _line(node: yaml.Node | None, place: Place) -> int:
    """The line of the innermost part of the file that a place leads to."""
    line = node.start_mark.line + 1 if node is not None else 1
    for part in place:
        if isinstance(node, yaml.MappingNode):
            matching = [(key, value) for key, value in node.value if key.value == part]
            if not matching:
                break
            key, node = matching[0]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line
