"""discovery.k8s.io/v1 EndpointSlice."""

from __future__ import annotations

from collections.abc import Sequence

from ..columns import AGE, NAME
from ..errors import FieldError, Object, invalid, required
from ..kind import Column, Kind
from ..validation.names import port_number_problem
from .endpoints import validate_address

_SHOWN = 3
_MOST_ENDPOINTS = 1000


def validate(given: Object) -> list[FieldError]:
    """Checks addresses and ports."""
    errors: list[FieldError] = []
    if not given.get("addressType"):
        errors.append(required("addressType"))
    if len(given["endpoints"]) > _MOST_ENDPOINTS:
        errors.append(
            FieldError("endpoints", "FieldValueTooMany", f"Too many: must have at most {_MOST_ENDPOINTS} items")
        )
    for index, endpoint in enumerate(given["endpoints"]):
        path = f"endpoints[{index}].addresses"
        if not endpoint.get("addresses"):
            errors.append(required(path, "must contain at least 1 address"))
        if given.get("addressType") != "FQDN":
            for number, address in enumerate(endpoint.get("addresses", [])):
                errors += validate_address(address, f"{path}[{number}]")
    for index, port in enumerate(given["ports"]):
        if "port" in port and (problem := port_number_problem(port["port"])):
            errors.append(invalid(f"ports[{index}].port", port["port"], problem))
    return errors


def validate_change(new: Object, old: Object) -> list[FieldError]:
    """Refuses another type of addresses."""
    if new.get("addressType") == old.get("addressType"):
        return []
    return [invalid("addressType", new.get("addressType"), "field is immutable")]


def _some(texts: Sequence[str], none: str) -> str:
    more = len(texts) - _SHOWN
    return ",".join(texts[:_SHOWN]) + (f" + {more} more..." if more > 0 else "") if texts else none


def _ports(given: Object) -> str:
    return _some([str(port.get("port", "*")) for port in given["ports"]], "<unset>")


def _addresses(given: Object) -> str:
    return _some([address for endpoint in given["endpoints"] for address in endpoint.get("addresses", [])], "<unset>")


KIND = Kind(
    group="discovery.k8s.io",
    name="EndpointSlice",
    plural="endpointslices",
    singular="endpointslice",
    package="io.k8s.api.discovery.v1",
    columns=(
        NAME,
        Column("AddressType", lambda given: given.get("addressType", "")),
        Column("Ports", _ports),
        Column("Endpoints", _addresses),
        AGE,
    ),
    validate=validate,
    validate_change=validate_change,
    spec_parts=("endpoints", "ports", "addressType"),
)
