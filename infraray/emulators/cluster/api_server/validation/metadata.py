"""Metadata of objects."""

from __future__ import annotations

from ..errors import FieldError, Object, forbidden_field, invalid, required
from ..kind import Kind
from .fields import validate_labels
from .names import (
    label_key_problem,
    label_problem,
    rfc_1035_label_problem,
    subdomain_problem,
)

_NAME_RULES = {"label": label_problem, "RFC 1035 label": rfc_1035_label_problem, "subdomain": subdomain_problem}
_MOST_ANNOTATION_BYTES = 256 * 1024


def validate_metadata(kind: Kind, metadata: Object) -> list[FieldError]:
    """What is wrong with an object's metadata."""
    errors: list[FieldError] = []
    name = metadata.get("name", "")
    if not name:
        errors.append(required("metadata.name", "name or generateName is required"))
    elif problem := _NAME_RULES[kind.name_rule](name):
        errors.append(invalid("metadata.name", name, problem))
    errors += validate_labels(metadata.get("labels", {}), "metadata.labels")
    annotations = metadata.get("annotations", {})
    for key in annotations:
        if problem := label_key_problem(key.lower()):
            errors.append(invalid("metadata.annotations", key, problem))
    if sum(len(key) + len(value) for key, value in annotations.items()) > _MOST_ANNOTATION_BYTES:
        errors.append(
            FieldError("metadata.annotations", "FieldValueTooLong", "Too long: may not be more than 262144 bytes")
        )
    errors += _validate_owners(metadata.get("ownerReferences", []))
    for index, finalizer in enumerate(metadata.get("finalizers", [])):
        if problem := label_key_problem(finalizer):
            errors.append(invalid(f"metadata.finalizers[{index}]", finalizer, problem))
    return errors


def _validate_owners(owners: list[Object]) -> list[FieldError]:
    errors = []
    for index, owner in enumerate(owners):
        for name in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(name):
                errors.append(invalid(f"metadata.ownerReferences[{index}].{name}", "", "must not be empty"))
    if sum(owner.get("controller") is True for owner in owners) > 1:
        detail = "Only one reference can have Controller set to true"
        errors.append(invalid("metadata.ownerReferences", [owner.get("name") for owner in owners], detail))
    return errors


def validate_metadata_change(new: Object, old: Object) -> list[FieldError]:
    """What must not change in metadata."""
    errors = [
        invalid(f"metadata.{name}", new.get(name), "field is immutable")
        for name in ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")
        if new.get(name) != old.get(name)
    ]
    if "deletionTimestamp" in old:
        added = [name for name in new.get("finalizers", []) if name not in old.get("finalizers", [])]
        if added:
            detail = f"no new finalizers can be added if the object is being deleted, found new finalizers {added}"
            errors.append(forbidden_field("metadata.finalizers", detail))
    return errors
