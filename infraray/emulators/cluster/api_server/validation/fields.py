"""What the fields' types say by themselves: what is required, what is one of a few words, selectors, quantities."""

from __future__ import annotations

from typing import Any

from ..errors import FieldError, Object, forbidden_field, invalid, required, unsupported
from ..schema import Field, Type
from .names import label_key_problem, label_value_problem
from .quantities import read_quantity

_REPORTED = ("metadata", "status")
"""Has rules of its own; is written by programs that are believed."""


def validate_fields(given: Object, declared: Type) -> list[FieldError]:
    """What is wrong with an object's fields, without its metadata and status."""
    errors: list[FieldError] = []
    for name, value in given.items():
        field = declared.fields[name]
        if name not in _REPORTED:
            _check_field(value, field, name, errors)
    return errors


def validate_part(given: Object, declared: Type, path: str) -> list[FieldError]:
    """What is wrong with the fields of a part of an object."""
    errors: list[FieldError] = []
    _check_object(given, declared, path, errors)
    return errors


def _check_object(given: Object, declared: Type, path: str, errors: list[FieldError]) -> None:
    if declared.name == "LabelSelector":
        errors += validate_selector(given, path)
        return
    for field in declared.fields.values():
        value = given.get(field.name)
        if value is not None and (value != "" or not field.required):
            _check_field(value, field, f"{path}.{field.name}", errors)
        elif field.required and field.type_name == "string" and field.shape == "value":
            errors.append(required(f"{path}.{field.name}"))


def _check_field(value: Any, field: Field, path: str, errors: list[FieldError]) -> None:
    if field.shape == "value":
        _check_value(value, field, path, errors)
    elif field.shape == "list":
        for index, item in enumerate(value):
            _check_value(item, field, f"{path}[{index}]", errors)
    elif field.shape == "map":
        for key, item in value.items():
            _check_value(item, field, f"{path}[{key}]", errors)


def _check_value(value: Any, field: Field, path: str, errors: list[FieldError]) -> None:
    declared = field.type
    if declared is not None:
        _check_object(value, declared, path, errors)
    elif field.enum and value not in field.enum:
        errors.append(unsupported(path, value, field.enum))
    elif field.type_name == "quantity" and read_quantity(value) is None:
        errors.append(invalid(path, value, "quantities are numbers with an optional suffix such as m, k, M, Ki or Mi"))


def validate_selector(selector: Object, path: str) -> list[FieldError]:
    """What is wrong with a label selector."""
    errors = validate_labels(selector.get("matchLabels", {}), f"{path}.matchLabels")
    for index, expression in enumerate(selector.get("matchExpressions", [])):
        where = f"{path}.matchExpressions[{index}]"
        operator, values = expression.get("operator", ""), expression.get("values", [])
        if operator in ("In", "NotIn"):
            if not values:
                errors.append(required(f"{where}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
        elif operator in ("Exists", "DoesNotExist"):
            if values:
                detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                errors.append(forbidden_field(f"{where}.values", detail))
        else:
            errors.append(invalid(f"{where}.operator", operator, "not a valid selector operator"))
        if problem := label_key_problem(expression.get("key", "")):
            errors.append(invalid(f"{where}.key", expression.get("key", ""), problem))
        for number, value in enumerate(values):
            if problem := label_value_problem(value):
                errors.append(invalid(f"{where}.values[{number}]", value, problem))
    return errors


def validate_labels(labels: dict[str, str], path: str) -> list[FieldError]:
    """What is wrong with labels."""
    errors = [invalid(path, key, problem) for key in labels if (problem := label_key_problem(key))]
    return errors + [
        invalid(path, value, problem) for value in labels.values() if (problem := label_value_problem(value))
    ]
