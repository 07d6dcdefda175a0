"""Sets of fields, as server-side apply keeps them in ``managedFields``.

A field is a path of elements: ``f:NAME`` in an object or map, ``k:{"name":"web"}`` for an item of a list with keys,
``v:VALUE`` for an item of a set. Below an atomic field nothing is told apart.
"""

from __future__ import annotations

import json
from typing import Any

from ..errors import Object
from ..schema import Field, Type

Path = tuple[str, ...]
Fields = dict[Path, Any]
"""Values by path; None for objects, maps and items that only hold others."""

_SYSTEM = frozenset(
    (
        "name", "namespace", "generateName", "uid", "resourceVersion", "generation", "creationTimestamp", "selfLink",
        "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields",
    )
)  # fmt: skip
"""Metadata that nobody manages."""


def fields_of(given: Object, declared: Type) -> Fields:
    """Every field of an object that can have a manager."""
    fields: Fields = {}
    for name, value in given.items():
        if name in ("apiVersion", "kind"):
            continue
        if name == "metadata":
            value = {key: item for key, item in value.items() if key not in _SYSTEM}
        _add(fields, (f"f:{name}",), value, declared.fields[name])
    fields.pop(("f:metadata",), None)
    return fields


def _add(fields: Fields, path: Path, value: Any, field: Field) -> None:
    declared = field.type
    if field.atomic:
        fields[path] = value
    elif field.shape == "value":
        if declared is None or declared.atomic or not value:
            fields[path] = value
        else:
            _add_object(fields, path, value, declared)
    elif field.shape == "list":
        _add_list(fields, path, value, field)
    else:
        fields[path] = None
        for key, item in value.items():
            fields[(*path, f"f:{key}")] = item


def _add_object(fields: Fields, path: Path, value: Object, declared: Type) -> None:
    for name, item in value.items():
        _add(fields, (*path, f"f:{name}"), item, declared.fields[name])


def _add_list(fields: Fields, path: Path, items: list[Any], field: Field) -> None:
    if field.keys and field.type is not None:
        fields[path] = None
        for item in items:
            inner = (*path, item_element(item, field))
            fields[inner] = None
            _add_object(fields, inner, item, field.type)
    elif field.merge_key == "":
        fields[path] = None
        for item in items:
            fields[(*path, f"v:{json.dumps(item)}")] = item
    else:
        fields[path] = items


def item_element(item: Object, field: Field) -> str:
    """The path element of an item of a list with keys."""
    declared = field.type
    assert declared is not None
    keys = {key: item.get(key, declared.fields[key].default) for key in sorted(field.keys)}
    given = {key: value for key, value in keys.items() if value is not None}
    return f"k:{json.dumps(given, separators=(',', ':'))}"


def to_tree(paths: set[Path]) -> Object:
    """Paths in the form of ``fieldsV1``."""
    tree: Object = {}
    for path in sorted(paths):
        node = tree
        for element in path:
            node = node.setdefault(element, {})
    for path in paths:
        node = tree
        for element in path:
            node = node[element]
        if node:
            node["."] = {}
    return tree


def from_tree(tree: Any) -> set[Path]:
    """Paths from the form of ``fieldsV1``."""
    paths: set[Path] = set()

    def walk(node: Any, path: Path) -> None:
        if path and (not node or "." in node):
            paths.add(path)
        if isinstance(node, dict):
            for element, inner in node.items():
                if element != ".":
                    walk(inner, (*path, element))

    walk(tree, ())
    return paths


def shown(path: Path) -> str:
    """A path as error messages have it, such as ``.spec.containers[name="web"].image``."""
    text = ""
    for element in path:
        sort, _, rest = element.partition(":")
        if sort == "f":
            text += f".{rest}"
        elif sort == "k":
            pairs = ",".join(f"{key}={json.dumps(value)}" for key, value in json.loads(rest).items())
            text += f"[{pairs}]"
        else:
            text += f"[={rest}]"
    return text
