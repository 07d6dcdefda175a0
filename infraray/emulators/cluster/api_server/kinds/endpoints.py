"""core/v1 Endpoints."""

from __future__ import annotations

import ipaddress

from ..columns import AGE, NAME
from ..errors import FieldError, Object, invalid, required
from ..kind import Column, Kind
from ..validation.names import port_number_problem

_SHOWN = 3
"""Addresses that the column shows."""


def validate(given: Object) -> list[FieldError]:
    """Checks addresses and ports."""
    errors: list[FieldError] = []
    for index, subset in enumerate(given.get("subsets", [])):
        path = f"subsets[{index}]"
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            errors.append(required(path, "must specify `addresses` or `notReadyAddresses`"))
        for part in ("addresses", "notReadyAddresses"):
            for number, address in enumerate(subset.get(part, [])):
                errors += validate_address(address.get("ip", ""), f"{path}.{part}[{number}].ip")
        for number, port in enumerate(subset.get("ports", [])):
            if problem := port_number_problem(port.get("port", 0)):
                errors.append(invalid(f"{path}.ports[{number}].port", port.get("port", 0), problem))
            if not port.get("name") and len(subset["ports"]) > 1:
                errors.append(required(f"{path}.ports[{number}].name"))
    return errors


def validate_address(address: str, path: str) -> list[FieldError]:
    """Checks that an endpoint's address is one that others can reach."""
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        return [invalid(path, address, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")]
    if read.is_loopback:
        return [invalid(path, address, "may not be in the loopback range (127.0.0.0/8, ::1/128)")]
    if read.is_unspecified or read.is_link_local or read.is_multicast:
        return [invalid(path, address, "may not be unspecified, link-local or multicast")]
    return []


def _addresses(given: Object) -> str:
    shown = []
    for subset in given.get("subsets", []):
        for address in subset.get("addresses", []):
            ports = [port["port"] for port in subset.get("ports", [])]
            shown += [f"{address['ip']}:{port}" for port in ports] or [address["ip"]]
    more = len(shown) - _SHOWN
    return ",".join(shown[:_SHOWN]) + (f" + {more} more..." if more > 0 else "") if shown else "<none>"


KIND = Kind(
    group="",
    name="Endpoints",
    plural="endpoints",
    singular="endpoints",
    short_names=("ep",),
    package="io.k8s.api.core.v1",
    columns=(NAME, Column("Endpoints", _addresses), AGE),
    validate=validate,
)
