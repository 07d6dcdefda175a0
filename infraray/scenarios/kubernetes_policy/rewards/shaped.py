"""The share of the faults that a command repairs, minus its cost and what it breaks."""

from __future__ import annotations

from infraray.repair.conduct import Deed
from infraray.scenarios.kubernetes_policy.conduct import Conduct

COMMAND_COST = 0.02
UNSAFE_COST = 0.5
"""As a share of the faults."""


def shaped(deed: Deed, conduct: Conduct, repaired_before: float, nearer: bool) -> float:
    """Pays every step for its effect."""
    return conduct.repaired - repaired_before - COMMAND_COST - (UNSAFE_COST if deed.unsafe else 0.0)
