"""What changed in a topology, in order, so that it can be undone and that only what was touched is checked again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

Edge = tuple[str, str]


class Change(NamedTuple):
    """What a node (by name) or an edge (by its ends) was before, and is after; None where it is not there."""

    key: str | Edge
    before: Any
    after: Any


@dataclass
class Changes:
    """Changes in their order; complete when the block of `Topology.changes` has ended."""

    entries: list[Change] = field(default_factory=list)

    @property
    def names(self) -> set[str]:
        """Nodes that were touched: those changed, and both ends of changed edges; some may be gone."""
        touched: set[str] = set()
        for key, _, _ in self.entries:
            touched.update((key,) if isinstance(key, str) else key)
        return touched
