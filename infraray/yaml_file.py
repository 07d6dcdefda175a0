"""A user's YAML file, and the line of each of its parts for errors about them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from infraray.errors import InfrarayError

Place = tuple[int | str, ...]
"""Where in a file something stands: ``("scenarios", 0, "parameters")``."""

Where = Callable[[Place], str]
"""Turns a place into the start of an error's line: ``study.yaml:12: ``."""


class Loader(yaml.SafeLoader):
    """YAML without numbers to the base of 60: ``10:30`` is a range of seeds, not 630."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (PyYAML's form)
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":int", ":float"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Makes the value of a node; one that looks like a date and is none is an error with its line."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, KeyError, AttributeError):
            problem = f"{str(node.value)[:40]!r} is no {node.tag.rpartition(':')[2]}; text goes in quotes"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None


Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(0|[1-9][0-9_]*)$"), list("-+0123456789"))
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^([-+]?([0-9][0-9_]*\.[0-9_]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?|[-+]?\.(inf|nan))$"),
    list("-+0123456789."),
)


def read_yaml(path: str | Path, needs: str) -> tuple[dict[str, Any], Where]:
    """Reads a file that holds a mapping; a missing ``name`` becomes the file's.

    Args:
        path: the file.
        needs: what it must hold at least, for the error of one that is no mapping: ``'scenario'``.

    Raises:
        InfrarayError: one line with the file, the line and what is wrong.
    """
    try:
        text = Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise InfrarayError(f"{path}: cannot be read ({reason})") from None
    try:
        root = yaml.compose(text, Loader=Loader)
        data = yaml.load(text, Loader=Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        raise InfrarayError(f"{path}{line}: not valid YAML: {getattr(error, 'problem', error)}") from None
    except RecursionError:
        raise InfrarayError(f"{path}: is nested too deeply") from None
    if not isinstance(data, dict):
        raise InfrarayError(f"{path}: must be a mapping with at least {needs}")
    data.setdefault("name", Path(path).stem)
    return data, lambda place: f"{path}:{_line(root, place)}: "


def nowhere(place: Place) -> str:
    """The start of an error's line about what is no file."""
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
