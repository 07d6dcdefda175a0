"""Random changes of a topology, sensible or not, for tests."""

from __future__ import annotations

import random

from infraray.scenarios.capacity_planning.hierarchy import KINDS, RK_CONTAINS, RK_CONTROLS
from infraray.scenarios.capacity_planning.topology import Topology

CAPACITIES = [0, -1, None, True, "5e9", float("nan"), float("inf"), 10**9 - 1, 10**9, 9 * 10**9, 12.5e9, 10**400]
TYPES = [["EK_PORT"], ["EK_PACKET_SWITCH"], ["EK_PORT", "EK_RACK"], "EK_PORT", [], ["EK_TREE"], [["EK_PORT"]], None]


def change_at_random(topology: Topology, draw: random.Random) -> None:
    """One change of any sort."""
    some, other = draw.choices(sorted(topology.nodes), k=2)
    match draw.randrange(8):
        case 0:
            topology.remove_node(some)
        case 1:
            port = draw.choice(topology.of_kind("EK_PORT") or [some])
            topology.set_attribute(port, "physical_capacity_bps", draw.choice(CAPACITIES))
        case 2:
            topology.set_attribute(some, "type", draw.choice(TYPES))
        case 3:
            topology.add_edge(some, other, draw.choice([RK_CONTAINS, RK_CONTROLS, "RK_LIKES"]))
        case 4:
            name = f"new{draw.randrange(10**9)}"
            topology.add_node(name, [draw.choice(sorted(KINDS))], physical_capacity_bps=draw.choice(CAPACITIES))
            topology.add_edge(some, name, RK_CONTAINS)
        case 5:
            topology.add_node(f"new{draw.randrange(10**9)}", ["EK_PORT"], physical_capacity_bps=10**9)
        case 6 if topology.edges:
            topology.remove_edge(*draw.choice(sorted(topology.edges)))
        case 7:
            switch = draw.choice(topology.of_kind("EK_PACKET_SWITCH") or [some])
            for port in topology.children(switch)[draw.randrange(3) :]:
                topology.remove_node(port)
