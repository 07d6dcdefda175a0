"""core/v1 ConfigMap."""

from __future__ import annotations

from ..columns import AGE, NAME
from ..errors import FieldError, Object, forbidden_field, invalid
from ..kind import Column, Kind
from ..validation.names import data_key_problem


def validate(given: Object) -> list[FieldError]:
    """Checks the keys."""
    errors = []
    for part in ("data", "binaryData"):
        for key in given.get(part, {}):
            if problem := data_key_problem(key):
                errors.append(invalid(f"{part}[{key}]", key, problem))
            if part == "binaryData" and key in given.get("data", {}):
                errors.append(invalid(f"data[{key}]", key, "duplicate of key present in binaryData"))
    return errors


def validate_change(new: Object, old: Object) -> list[FieldError]:
    """Refuses changes of what is immutable."""
    return immutable_changes(new, old, ("data", "binaryData"))


def immutable_changes(new: Object, old: Object, parts: tuple[str, ...]) -> list[FieldError]:
    """The parts that changed although the object is immutable."""
    if not old.get("immutable"):
        return []
    detail = "field is immutable when `immutable` is set"
    errors = [] if new.get("immutable") else [forbidden_field("immutable", detail)]
    return errors + [forbidden_field(part, detail) for part in parts if new.get(part) != old.get(part)]


def count_keys(given: Object) -> int:
    """Keys of both kinds of data."""
    return len(given.get("data", {})) + len(given.get("binaryData", {}))


KIND = Kind(
    group="",
    name="ConfigMap",
    plural="configmaps",
    singular="configmap",
    short_names=("cm",),
    package="io.k8s.api.core.v1",
    columns=(NAME, Column("Data", count_keys, type="integer"), AGE),
    validate=validate,
    validate_change=validate_change,
)
