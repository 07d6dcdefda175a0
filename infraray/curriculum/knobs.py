"""Knobs as a person writes them: ``[1, 2, 3]``, ``2:16``, ``0.5:0.98``, ``1000:1000000:log``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import yaml

from infraray.errors import InfrarayError
from infraray.space.hyperparameters import Categorical, Float, Hyperparameter, Int, Ordinal
from infraray.space.values import Value, is_number

_RANGE = re.compile(r"\s*(?P<low>[-+.\deE]+)\s*:\s*(?P<high>[-+.\deE]+)\s*(?P<log>:\s*log)?\s*")


def read_knob(name: str, written: str | Sequence[Value], is_whole: bool = False) -> Hyperparameter:
    """Reads a knob.

    Args:
        name: of the parameter, or ``level``.
        written: a list of values, or a range with both ends; ``:log`` draws evenly in the logarithm.
        is_whole: whether a range holds whole numbers only.

    Raises:
        InfrarayError: it is neither, or a range is empty.
    """
    if not isinstance(written, str):
        kind = Ordinal if all(map(is_number, written)) else Categorical
        return kind(name, tuple(written), default=next(iter(written), None))
    match = _RANGE.fullmatch(written)
    ends = [_number(match[end]) for end in ("low", "high")] if match else [None, None]
    low, high = ends
    if match is None or low is None or high is None:
        raise InfrarayError(f"{name}={written!r}: must be a range such as '2:16' or '1:1000:log', or a list of values")
    if is_whole:
        if low != int(low) or high != int(high):
            raise InfrarayError(f"{name}={written!r}: takes whole numbers only")
        return Int(name, int(low), int(high), log=bool(match["log"]), default=int(low))
    return Float(name, low, high, log=bool(match["log"]), default=low)


def read_flag(text: str) -> tuple[str, str | list[Any]]:
    """Reads ``NAME=2:16`` or ``NAME=poisson,bursty`` from a command line.

    Raises:
        InfrarayError: there is no ``=``, or nothing after it.
    """
    name, equals, values = text.partition("=")
    if not equals or not values.strip() or not name.strip():
        raise InfrarayError(f"--knob {text}: must be NAME=LOW:HIGH or NAME=VALUE,VALUE")
    if ":" in values and "," not in values:
        return name.strip(), values.strip()
    try:
        return name.strip(), [yaml.safe_load(value) for value in values.split(",")]
    except yaml.YAMLError:
        raise InfrarayError(f"--knob {text}: its values cannot be read; write NAME=VALUE,VALUE") from None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
