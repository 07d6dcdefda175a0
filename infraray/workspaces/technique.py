"""A technique of a scenario that agents speak of, and sometimes use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Technique:
    """How to recognise one, as patterns that ignore case.

    Args:
        named: in what an agent says.
        used: in an attempt's configuration, apart from the defaults, as JSON.
    """

    named: str
    used: str
