"""Strategic merge patch: a merge patch that knows by which key the items of a list are told apart.

Its directives: ``$patch`` (``replace``, ``delete``, ``merge``) in an object or a list's item,
``$setElementOrder/NAME``, ``$deleteFromPrimitiveList/NAME`` and ``$retainKeys``. Lists without a key are replaced.
"""

from __future__ import annotations

from typing import Any

from ..errors import ApiError, Object, bad_request
from ..schema import Field, Type

_ORDER = "$setElementOrder/"
_DELETE = "$deleteFromPrimitiveList/"


def apply_strategic_merge(original: Object, patch: Any, declared: Type) -> Object:
    """The object after the patch; the given one may be changed.

    Raises:
        ApiError: the patch cannot be read.
    """
    if not isinstance(patch, dict):
        raise bad_request("a strategic merge patch is an object")
    return _merge(original, patch, declared)


def _merge(original: Object, patch: Object, declared: Type | None) -> Object:
    directive = patch.get("$patch")
    if directive == "replace":
        return _merge({}, {name: value for name, value in patch.items() if name != "$patch"}, declared)
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise _unknown(directive)
    merged = original
    if "$retainKeys" in patch:
        merged = _retain(original, patch)
    for name, value in patch.items():
        if name.startswith(_DELETE):
            gone = _list(value, name)
            field = name.removeprefix(_DELETE)
            if isinstance(merged.get(field), list):
                merged[field] = [item for item in merged[field] if item not in gone]
    for name, value in patch.items():
        if name.startswith("$"):
            if name not in ("$patch", "$retainKeys") and not name.startswith((_ORDER, _DELETE)):
                raise _unknown(name)
        elif value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merge_value(merged.get(name), value, _field(declared, name), patch.get(_ORDER + name))
    for name, value in patch.items():
        field = name.removeprefix(_ORDER)
        if name.startswith(_ORDER) and field not in patch and isinstance(merged.get(field), list):
            merged[field] = _ordered(merged[field], _list(value, name), merged[field], _field(declared, field))
    return merged


def _unknown(directive: object) -> ApiError:
    return bad_request(f"unknown directive {directive!r} in a strategic merge patch; known are replace, delete, merge")


def _retain(original: Object, patch: Object) -> Object:
    kept = _list(patch["$retainKeys"], "$retainKeys")
    extra = [name for name in patch if not name.startswith("$") and name not in kept and patch[name] is not None]
    if extra:
        raise bad_request(f"$retainKeys does not list {extra[0]!r}, which the patch sets")
    return {name: value for name, value in original.items() if name in kept}


def _field(declared: Type | None, name: str) -> Field | None:
    return declared.fields.get(name) if declared is not None else None


def _merge_value(original: Any, value: Any, field: Field | None, order: Any) -> Any:
    inner = field.type if field is not None and field.shape == "value" else None
    if isinstance(value, dict):
        return _merge(original if isinstance(original, dict) else {}, value, inner)
    if not isinstance(value, list):
        return value
    before = original if isinstance(original, list) else []
    if field is None or field.merge_key is None:
        return _without_directives(value)
    merged = _merge_list(before, value, field)
    return merged if order is None else _ordered(merged, _list(order, _ORDER + field.name), before, field)


def _without_directives(items: list[Any]) -> list[Any]:
    return [item for item in items if not (isinstance(item, dict) and "$patch" in item)]


def _merge_list(original: list[Any], patch: list[Any], field: Field) -> list[Any]:
    key = field.merge_key
    if not key:
        return original + [
            item for index, item in enumerate(patch) if item not in original and item not in patch[:index]
        ]
    if any(isinstance(item, dict) and item.get("$patch") == "replace" for item in patch):
        original, patch = [], [item for item in patch if item.get("$patch") != "replace"]
    merged = list(original)
    for item in patch:
        if not isinstance(item, dict):
            raise bad_request(f"{field.name}: the items of this list are objects")
        if key not in item:
            raise bad_request(f"{field.name}: an item of the patch has no {key!r}, by which items are told apart")
        found = [index for index, other in enumerate(merged) if other.get(key) == item[key]]
        if item.get("$patch") == "delete":
            merged = [other for other in merged if other.get(key) != item[key]]
        elif found:
            merged[found[0]] = _merge(merged[found[0]], item, field.type)
        else:
            merged.append(_merge({}, item, field.type))
    return merged


def _ordered(items: list[Any], order: list[Any], before: list[Any], field: Field | None) -> list[Any]:
    """The items in the order that the patch gives; others keep their place among those that they stood between."""
    key = field.merge_key if field is not None else None

    def name(item: Any) -> Any:
        return item.get(key) if key and isinstance(item, dict) else item

    wanted = [name(item) for item in order]
    places = [name(item) for item in before]
    listed = sorted((item for item in items if name(item) in wanted), key=lambda item: wanted.index(name(item)))
    others = [item for item in items if name(item) not in wanted]
    result = []
    while listed and others:
        place = places.index(name(listed[0])) if name(listed[0]) in places else -1
        other = places.index(name(others[0])) if name(others[0]) in places else len(places)
        result.append((listed if place < other else others).pop(0))
    return result + listed + others


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise bad_request(f"{name}: not a list")
    return value
