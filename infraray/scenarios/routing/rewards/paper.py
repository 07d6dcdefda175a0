"""NetArena's reward (section 5.1): a hundred for a fix, ten for a look, a hundred less for a command that fails."""

from __future__ import annotations

from infraray.scenarios.routing.conduct import Conduct, Deed

PAID_LOOKS = 5
"""Looks for which it pays: all of them together less than one fix, or they would be farmed."""


def paper(deed: Deed, conduct: Conduct, broken_before: int, nearer: bool) -> float:
    """Pays by the kind of the command; a fix only where the network has never been nearer to a whole one."""
    if deed.kind == "fix":
        return 100.0 if nearer else 0.0
    if deed.kind == "look":
        return 10.0 if conduct.looks <= PAID_LOOKS else 0.0
    return -100.0 if deed.kind == "failed" else 0.0
