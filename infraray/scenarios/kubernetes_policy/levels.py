"""The families of faults that a level combines (NetArena, table 6), and the faults that a seed draws.

Level 1 has one fault. In the paper's table the name of a level stands beside the middle of its rows: "Level 2" between
the third and the fourth pair and "Level 3" between the eighth and the ninth. So we read the first six pairs, which
are those without ``add_egress``, as level 2 and the other four as level 3.
"""

from __future__ import annotations

from random import Random

from infraray.scenarios.kubernetes_policy.faults import FAMILIES, Fault, Impossible
from infraray.scenarios.kubernetes_policy.site import Site

LEVELS: dict[int, tuple[tuple[str, ...], ...]] = {
    1: (
        ("remove_ingress",),
        ("add_ingress",),
        ("change_port",),
        ("change_protocol",),
        ("add_egress",),
    ),
    2: (
        ("remove_ingress", "add_ingress"),
        ("remove_ingress", "change_port"),
        ("remove_ingress", "change_protocol"),
        ("add_ingress", "change_port"),
        ("add_ingress", "change_protocol"),
        ("change_port", "change_protocol"),
    ),
    3: (
        ("change_port", "add_egress"),
        ("change_protocol", "add_egress"),
        ("remove_ingress", "add_egress"),
        ("add_ingress", "add_egress"),
    ),
}


def draw_faults(site: Site, level: int, extra_faults: int, random: Random) -> tuple[Fault, ...] | None:
    """Draws the families, then each one's fault, each in a policy of its own; None if one finds no place."""
    families = list(random.choice(LEVELS[level]))
    families += random.choices(sorted(FAMILIES), k=extra_faults)
    taken: set[tuple[str, str]] = set()
    found = []
    for family in families:
        try:
            fault = FAMILIES[family](site, frozenset(taken), random)
        except Impossible:
            return None
        taken.add(fault.target)
        found.append(fault)
    return tuple(found)
