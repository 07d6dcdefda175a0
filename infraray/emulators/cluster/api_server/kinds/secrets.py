"""core/v1 Secret."""

from __future__ import annotations

import base64

from ..columns import AGE, NAME
from ..errors import FieldError, Object, invalid, required
from ..kind import Column, Kind
from ..validation.names import data_key_problem
from .config_maps import count_keys, immutable_changes

_NEEDED = {
    "kubernetes.io/dockerconfigjson": (".dockerconfigjson",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
}
"""Keys that secrets of a type must have."""


def default(given: Object) -> None:
    """Moves text into the encoded data."""
    texts = given.pop("stringData", {})
    if texts:
        encoded = {key: base64.b64encode(text.encode()).decode() for key, text in texts.items()}
        given["data"] = given.get("data", {}) | encoded


def validate(given: Object) -> list[FieldError]:
    """Checks the keys."""
    data = given.get("data", {})
    errors = [invalid(f"data[{key}]", key, problem) for key in data if (problem := data_key_problem(key))]
    needed = _NEEDED.get(given.get("type", ""), ())
    return errors + [required(f"data[{key}]") for key in needed if key not in data]


def validate_change(new: Object, old: Object) -> list[FieldError]:
    """Refuses another type, and changes of what is immutable."""
    errors = immutable_changes(new, old, ("data",))
    if new.get("type") != old.get("type"):
        errors.append(invalid("type", new.get("type"), "field is immutable"))
    return errors


KIND = Kind(
    group="",
    name="Secret",
    plural="secrets",
    singular="secret",
    package="io.k8s.api.core.v1",
    columns=(
        NAME,
        Column("Type", lambda given: given.get("type", "")),
        Column("Data", count_keys, type="integer"),
        AGE,
    ),
    default=default,
    validate=validate,
    validate_change=validate_change,
    selectable={"type": lambda given: given.get("type", "")},
)
