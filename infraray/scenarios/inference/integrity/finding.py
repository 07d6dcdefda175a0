"""What a check says about a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A server did what an honest one does not.

    Args:
        check: the name of the check that found it.
        evidence: one plain sentence with the figures that show it.
        figures: the same figures by name, in SI units.
    """

    check: str
    evidence: str
    figures: Mapping[str, float]


class NotChecked(Exception):
    """A check could not be made; the text says why. What was not checked has not passed."""
