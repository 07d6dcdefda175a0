"""Every port has a capacity: a number of bit/s of at least the stated minimum."""

from __future__ import annotations

import reprlib
from typing import Any

from infraray.scenarios.capacity_planning.hierarchy import CAPACITY
from infraray.scenarios.capacity_planning.topology import Topology


def capacity_of(attributes: dict[str, Any]) -> float:
    """A port's capacity in bit/s, 0 where it is no positive number that fits in the 64 bits that MALT has for it."""
    value = attributes.get(CAPACITY.name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return value if 0 < value < 2**63 else 0


def port_capacity(topology: Topology, port: str) -> str | None:
    """What is wrong with a port's capacity."""
    attributes = topology.nodes[port]
    if capacity_of(attributes) >= CAPACITY.minimum:
        return None
    given = f"{CAPACITY.name}={reprlib.repr(attributes.get(CAPACITY.name))}"
    return f"port {port} has {given}: {CAPACITY.name} must be a 64-bit number of at least {CAPACITY.minimum}"
