"""The families of faults that a level combines (NetArena, table 5), and the faults that a seed draws.

Level 1 has one fault. In the paper's table the name of a level appears once, beside its middle row: "Level 2" beside
the fourth pair and "Level 3" beside the ninth. So we read the first seven pairs as level 2 and the last three as level
3.
"""

from __future__ import annotations

from random import Random

from infraray.scenarios.routing.faults import FAMILIES, Fault
from infraray.scenarios.routing.site import Site

LEVELS: dict[int, tuple[tuple[str, ...], ...]] = {
    1: (
        ("disable_routing",),
        ("disable_interface",),
        ("remove_ip",),
        ("drop_traffic",),
        ("wrong_routing_table",),
    ),
    2: (
        ("disable_routing", "disable_interface"),
        ("disable_routing", "remove_ip"),
        ("disable_routing", "drop_traffic"),
        ("disable_routing", "wrong_routing_table"),
        ("remove_ip", "wrong_routing_table"),
        ("drop_traffic", "wrong_routing_table"),
        ("disable_interface", "drop_traffic"),
    ),
    3: (
        ("disable_interface", "wrong_routing_table"),
        ("remove_ip", "drop_traffic"),
        ("disable_interface", "remove_ip"),
    ),
}


def draw_faults(
    site: Site, level: int, extra_faults: int, features: frozenset[str], random: Random
) -> tuple[Fault, ...]:
    """Draws the families, then each one's fault; in the order of repair."""
    families = list(random.choice(LEVELS[level]))
    families += random.sample(sorted(set(FAMILIES) - set(families)), extra_faults)
    return tuple(FAMILIES[family](site, random, features) for family in FAMILIES if family in families)
