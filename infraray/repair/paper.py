"""NetArena's reward (section 5.1): 100 for a fix, 10 for a look, -100 for a command that fails."""

from __future__ import annotations

from infraray.repair.conduct import Conduct, Deed

PAID_LOOKS = 5
"""Number of looks that it pays for: together worth less than a fix, or else they would be farmed."""


def paper(deed: Deed, conduct: Conduct, before: float, nearer: bool) -> float:
    """Pays by the kind of command; for a fix only if the system was never closer to the intact one."""
    if deed.kind == "fix":
        return 100.0 if nearer else 0.0
    if deed.kind == "look":
        return 10.0 if conduct.looks <= PAID_LOOKS else 0.0
    return -100.0 if deed.kind == "failed" else 0.0
