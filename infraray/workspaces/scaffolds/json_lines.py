"""Reads scaffolds that print a JSON object a line.

Their objects change with every version, so that nothing is taken for granted: a line that is no object, and a field
that is missing or of another type, is no event, and never an error.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from infraray.workspaces.scaffolds.events import Event
from infraray.workspaces.scaffolds.scaffold import Reader


class JsonLinesReader(Reader):
    """A reader whose subclasses read one object at a time."""

    def read(self, line: str) -> list[Event]:
        """The events of one line; none if it is no JSON object."""
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            return []
        return self.events(told) if isinstance(told, dict) else []

    @abstractmethod
    def events(self, told: Mapping[str, Any]) -> list[Event]:
        """The events of one object."""


def mapping(of: Any, name: str) -> Mapping[str, Any]:
    """The object in a field, empty if there is none."""
    value = of.get(name) if isinstance(of, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def text(of: Any, name: str) -> str:
    """The text in a field, empty if there is none."""
    value = of.get(name) if isinstance(of, Mapping) else None
    return value if isinstance(value, str) else ""


def whole_number(of: Any, name: str) -> int | None:
    """The whole number in a field, None if there is none."""
    value = of.get(name) if isinstance(of, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def objects(of: Any, name: str) -> list[Mapping[str, Any]]:
    """The objects in a field with a list; empty if it has none."""
    value = of.get(name) if isinstance(of, Mapping) else None
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
