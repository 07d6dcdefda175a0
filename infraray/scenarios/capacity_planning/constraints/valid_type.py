"""Every node is of one kind or several, all of them known."""

from __future__ import annotations

import reprlib

from infraray.scenarios.capacity_planning.hierarchy import KINDS
from infraray.scenarios.capacity_planning.topology import Topology


def valid_type(topology: Topology, node: str) -> str | None:
    """What is wrong with a node's ``type``."""
    kinds = topology.nodes[node].get("type")
    if isinstance(kinds, list) and kinds and all(isinstance(kind, str) and kind in KINDS for kind in kinds):
        return None
    return f"{node} has type={reprlib.repr(kinds)}: must be a list of one or more of {', '.join(KINDS)}"
