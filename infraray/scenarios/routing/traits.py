"""What a seed of routing draws: its faults.

These are those of its first draw. A live network refuses the few that break nothing or cannot be told apart, and the
task then has the next draw's; only playing it tells.
"""

from __future__ import annotations

from infraray.emulators.network import features
from infraray.scenarios.routing.faults import FAMILIES
from infraray.scenarios.routing.levels import draw_faults
from infraray.scenarios.routing.parameters import RoutingParameters
from infraray.scenarios.routing.tasks import source


def traits(parameters: RoutingParameters, level: int, seed: int) -> dict[str, str | bool]:
    """Each family of faults by its name, and as ``FAMILY_variant`` the variant of one that is there."""
    site = parameters.site(seed)
    faults = draw_faults(site, level, parameters.extra_faults, features(), source(level, seed))
    variants = {fault.family: fault.variant for fault in faults}
    told: dict[str, str | bool] = {family: family in variants for family in FAMILIES}
    return told | {f"{family}_variant": variant for family, variant in variants.items()}
