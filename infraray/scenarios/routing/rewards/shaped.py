"""The share of broken pairs that a command repairs, minus its cost and what it breaks."""

from __future__ import annotations

from infraray.scenarios.routing.conduct import Conduct, Deed

COMMAND_COST = 0.02
UNSAFE_COST = 0.5
"""As a share of the broken pairs."""


def shaped(deed: Deed, conduct: Conduct, broken_before: int, nearer: bool) -> float:
    """Pays every step for its effect."""
    repaired = (broken_before - conduct.broken) / conduct.broken_at_start
    return repaired - COMMAND_COST - (UNSAFE_COST if deed.unsafe else 0.0)
