"""Sets the defaults that ``fields/`` gives, everywhere in an object."""

from __future__ import annotations

from functools import cache
from typing import Any

from .errors import Object
from .schema import Field, Type


def set_defaults(given: Object, declared: Type) -> None:
    """Sets what is missing in an object and in everything inside it."""
    for field in declared.defaults:
        if field.name not in given:
            default = field.default
            given[field.name] = type(default)() if isinstance(default, dict | list) else default
    inner = _fields_with_defaults(declared)
    for name, value in given.items():
        known = inner.get(name)
        if known is not None:
            _set_inside(value, known)


def _set_inside(value: Any, field: Field) -> None:
    declared = field.type
    assert declared is not None
    if field.shape == "value":
        set_defaults(value, declared)
    elif field.shape == "list":
        for item in value:
            set_defaults(item, declared)


@cache
def _fields_with_defaults(declared: Type) -> dict[str, Field]:
    """The fields in which there is, somewhere, something to set."""
    return {name: field for name, field in declared.fields.items() if field.type is not None and _any(field.type, ())}


def _any(declared: Type, above: tuple[str, ...]) -> bool:
    if declared.defaults:
        return True
    above = (*above, declared.name)
    inner = [field.type for field in declared.fields.values() if field.type is not None]
    return any(_any(found, above) for found in inner if found.name not in above)
