"""Quantities such as ``500m`` and ``1Gi``."""

from __future__ import annotations

import re
from fractions import Fraction

_QUANTITY = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))([eE][+-]?\d+|[numkMGTPE]|[KMGTPE]i)?")
_BINARY = {suffix: Fraction(1024) ** power for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)}
_DECIMAL = {suffix: Fraction(1000) ** power for power, suffix in enumerate("num", -3)}
_DECIMAL |= {suffix: Fraction(1000) ** power for power, suffix in enumerate("kMGTPE", 1)}


def read_quantity(text: str) -> Fraction | None:
    """Its value; None if it is no quantity."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        return None
    number, suffix = match.groups()
    if not suffix:
        return Fraction(number)
    if suffix in _BINARY:
        return Fraction(number) * _BINARY[suffix]
    if suffix in _DECIMAL:
        return Fraction(number) * _DECIMAL[suffix]
    exponent = int(suffix[1:])
    return Fraction(number) * Fraction(10) ** exponent if abs(exponent) < 32 else None
