"""Server-side apply: a manager states the fields it wants, and only those are its business.

Its fields are set; those that it stated the last time, no longer states and shares with nobody are removed; one that
another manager has set to another value is a conflict, unless the applier forces it.
"""

from __future__ import annotations

import json
from typing import Any

from ..errors import ApiError, Object
from ..schema import Field, Type
from .field_sets import Fields, Path, fields_of, item_element, shown
from .managed_fields import Entry, Manager


def apply(
    live: Object, config: Object, declared: Type, entries: list[Entry], manager: Manager, force: bool
) -> tuple[Object, set[Path]]:
    """The object after the configuration is applied, and the fields that are now the manager's.

    Raises:
        ApiError: another manager has other values (409).
    """
    wanted = fields_of(config, declared)
    present = fields_of(live, declared)
    if not force:
        _check_conflicts(wanted, present, entries, manager)
    merged = _merge_object(live, config, declared)
    mine = next((entry.paths for entry in entries if entry.manager == manager), frozenset())
    shared = {path for entry in entries if entry.manager != manager for path in entry.paths}
    abandoned = mine - wanted.keys() - shared
    for path in sorted(abandoned, key=len, reverse=True):
        if not any(other[: len(path)] == path for other in wanted) and not any(
            other[: len(path)] == path for other in shared
        ):
            _remove(merged, path, declared)
    return merged, set(wanted)


def _check_conflicts(wanted: Fields, present: Fields, entries: list[Entry], manager: Manager) -> None:
    conflicts: list[tuple[Manager, Path]] = []
    differing = {path for path, value in wanted.items() if path in present and present[path] != value}
    for entry in entries:
        if entry.manager != manager:
            conflicts += [(entry.manager, path) for path in sorted(entry.paths & differing)]
    if not conflicts:
        return
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {_named(other)}", "field": shown(path)}
        for other, path in conflicts
    ]
    if len(conflicts) == 1:
        told = f"1 conflict: conflict with {_named(conflicts[0][0])}: {shown(conflicts[0][1])}"
    else:
        by_manager: dict[str, list[str]] = {}
        for other, path in conflicts:
            by_manager.setdefault(_named(other), []).append(f"- {shown(path)}")
        parts = ["\n".join([f"conflicts with {name}:", *paths]) for name, paths in by_manager.items()]
        told = f"{len(conflicts)} conflicts: " + "\n".join(parts)
    raise ApiError(409, "Conflict", f"Apply failed with {told}", {"causes": causes})


def _named(manager: Manager) -> str:
    subresource = f" with subresource {json.dumps(manager.subresource)}" if manager.subresource else ""
    return f"{json.dumps(manager.name)}{subresource} using {manager.api_version}"


def _merge_object(live: Object, config: Object, declared: Type) -> Object:
    merged = dict(live)
    for name, value in config.items():
        field = declared.fields[name]
        merged[name] = _merge_value(merged[name], value, field) if name in merged else value
    return merged


def _merge_value(live: Any, value: Any, field: Field) -> Any:
    declared = field.type
    if field.atomic or (declared is not None and declared.atomic):
        return value
    if field.shape == "value":
        return _merge_object(live, value, declared) if declared is not None else value
    if field.shape == "map":
        return {**live, **value}
    if field.keys and declared is not None:
        return _merge_items(live, value, field, declared)
    if field.merge_key == "":
        return live + [item for item in value if item not in live]
    return value


def _merge_items(live: list[Object], items: list[Object], field: Field, declared: Type) -> list[Object]:
    """The applied items in their order; those of others stay behind the item that they followed."""
    given = {item_element(item, field): item for item in items}
    present = {item_element(item, field): item for item in live}
    merged = {
        element: _merge_object(present[element], item, declared) if element in present else item
        for element, item in given.items()
    }
    order = list(merged)
    previous = ""
    for element, item in present.items():
        if element not in merged:
            order.insert(order.index(previous) + 1 if previous else 0, element)
            merged[element] = item
        previous = element
    return [merged[element] for element in order]


def _remove(given: Object, path: Path, declared: Type) -> None:
    """Removes a field, and whatever is left empty around it by that."""
    name = path[0][2:]
    field, value = declared.fields[name], given.get(name)
    if value is None:
        return
    if len(path) == 1:
        del given[name]
        return
    if field.shape == "map":
        given[name] = {key: item for key, item in value.items() if f"f:{key}" != path[1]}
        if not given[name]:
            del given[name]
    elif field.shape == "value" and field.type is not None:
        given[name] = inner = dict(value)
        _remove(inner, path[1:], field.type)
    elif field.keys and field.type is not None:
        items = []
        for item in value:
            if item_element(item, field) == path[1]:
                if len(path) == 2:
                    continue
                item = dict(item)
                _remove(item, path[2:], field.type)
            items.append(item)
        given[name] = items
    elif field.merge_key == "":
        given[name] = [item for item in value if f"v:{json.dumps(item)}" != path[1]]
