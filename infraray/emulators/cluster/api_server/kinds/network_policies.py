"""networking.k8s.io/v1 NetworkPolicy."""

from __future__ import annotations

import ipaddress
from typing import Any

from ..columns import AGE, NAME, selector_text
from ..errors import FieldError, Object, forbidden_field, invalid, required
from ..kind import Column, Kind
from ..validation.names import port_name_problem, port_number_problem

_RULES = (("ingress", "from"), ("egress", "to"))


def default(policy: Object) -> None:
    """Isolates for ingress always, and for egress if there is a rule for it."""
    spec = policy["spec"]
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def validate(policy: Object) -> list[FieldError]:
    """Checks rules and directions."""
    errors: list[FieldError] = []
    spec = policy["spec"]
    for direction, peers in _RULES:
        for index, rule in enumerate(spec.get(direction, [])):
            path = f"spec.{direction}[{index}]"
            for number, port in enumerate(rule.get("ports", [])):
                errors += _validate_port(port, f"{path}.ports[{number}]")
            for number, peer in enumerate(rule.get(peers, [])):
                errors += _validate_peer(peer, f"{path}.{peers}[{number}]")
    if len(spec["policyTypes"]) > 2:
        errors.append(invalid("spec.policyTypes", spec["policyTypes"], "may not specify more than two policyTypes"))
    return errors


def _validate_port(rule: Object, path: str) -> list[FieldError]:
    port, last = rule.get("port"), rule.get("endPort")
    errors: list[FieldError] = []
    if isinstance(port, int):
        if problem := port_number_problem(port):
            errors.append(invalid(f"{path}.port", port, problem))
        if last is not None and last < port:
            errors.append(invalid(f"{path}.endPort", last, "must be greater than or equal to `port`"))
        if last is not None and (problem := port_number_problem(last)):
            errors.append(invalid(f"{path}.endPort", last, problem))
        return errors
    if last is not None:
        state = "not specified" if port is None else "non-numeric"
        errors.append(invalid(f"{path}.endPort", last, f"may not be specified when `port` is {state}"))
    if port is not None and (problem := port_name_problem(port)):
        errors.append(invalid(f"{path}.port", port, problem))
    return errors


def _validate_peer(peer: Object, path: str) -> list[FieldError]:
    if not any(name in peer for name in ("podSelector", "namespaceSelector", "ipBlock")):
        return [required(path, "must specify a peer")]
    if "ipBlock" not in peer:
        return []
    errors: list[FieldError] = []
    if len(peer) > 1:
        errors.append(forbidden_field(path, "may not specify both ipBlock and another peer"))
    return errors + _validate_block(peer["ipBlock"], f"{path}.ipBlock")


def _validate_block(block: Object, path: str) -> list[FieldError]:
    cidr = block.get("cidr", "")
    if not cidr:
        return [required(f"{path}.cidr")]
    whole = _network(cidr)
    if whole is None:
        return [invalid(f"{path}.cidr", cidr, "must be a valid CIDR block, (e.g. 10.9.8.0/24 or 2001:db8::/64)")]
    errors = []
    for index, text in enumerate(block.get("except", [])):
        part = _network(text)
        where = f"{path}.except[{index}]"
        if part is None:
            errors.append(invalid(where, text, "must be a valid CIDR block, (e.g. 10.9.8.0/24 or 2001:db8::/64)"))
        elif part.version != whole.version or part == whole or not part.subnet_of(whole):
            errors.append(invalid(where, text, "must be a strict subset of `cidr`"))
    return errors


def _network(text: str) -> Any:
    if "/" not in text:
        return None
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


KIND = Kind(
    group="networking.k8s.io",
    name="NetworkPolicy",
    plural="networkpolicies",
    singular="networkpolicy",
    short_names=("netpol",),
    package="io.k8s.api.networking.v1",
    columns=(NAME, Column("Pod-Selector", lambda given: selector_text(given["spec"].get("podSelector"))), AGE),
    default=default,
    validate=validate,
    spec_parts=("spec",),
)
