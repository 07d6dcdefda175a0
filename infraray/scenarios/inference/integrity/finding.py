"""The result of a check of a server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """Evidence that a server did something an honest one does not do.

    Args:
        check: the name of the check that found it.
        evidence: one plain sentence with the figures that prove it.
        figures: the same figures by name, in SI units.
    """

    check: str
    evidence: str
    figures: Mapping[str, float]


class NotChecked(Exception):
    """A check that could not be made, and why. What was not checked has not passed."""
