"""A service level in its written form: ``ttft=200ms,tpot=50ms``."""

from __future__ import annotations

import re

from infraray.errors import InfrarayError, did_you_mean

_LIMITS = {"ttft": "ttft_s", "tpot": "tpot_s", "e2e": "e2e_s"}
_UNITS = {"ms": 1e-3, "s": 1.0}


def read_service_level(text: str) -> dict[str, float]:
    """Reads the fields of a `ServiceLevel`, in s.

    Raises:
        InfrarayError: it names an unknown latency, or a time without a unit.
    """
    found: dict[str, float] = {}
    for part in text.split(","):
        name, _, value = (side.strip() for side in part.partition("="))
        if name not in _LIMITS:
            raise InfrarayError(f"--slo {text!r}: no latency {name!r}; {did_you_mean(name, _LIMITS)}")
        time = re.fullmatch(r"(\d+\.?\d*|\.\d+)\s*(ms|s)", value)
        if time is None:
            raise InfrarayError(f"--slo {text!r}: {name}={value!r}: must be a time such as 200ms or 1.5s")
        if _LIMITS[name] in found:
            raise InfrarayError(f"--slo {text!r}: names {name} twice")
        found[_LIMITS[name]] = float(time[1]) * _UNITS[time[2]]
    return found
