"""Who manages which field: kept up to date by every write, read by server-side apply."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..errors import Object
from ..times import now
from .field_sets import Fields, Path, from_tree, to_tree


@dataclass(frozen=True)
class Manager:
    """A manager of fields, with the way in which it writes."""

    name: str
    operation: str
    """``Update`` or ``Apply``."""
    api_version: str
    subresource: str = ""


@dataclass(frozen=True)
class Entry:
    """The fields of one manager."""

    manager: Manager
    paths: frozenset[Path]
    time: str


def read_entries(written: Any) -> list[Entry]:
    """The entries of an object's metadata; what cannot be read is left out."""
    entries = []
    for item in written or []:
        if item.get("operation") in ("Update", "Apply") and item.get("manager"):
            manager = Manager(
                item["manager"], item["operation"], item.get("apiVersion", ""), item.get("subresource", "")
            )
            paths = frozenset(from_tree(item.get("fieldsV1", {})))
            entries.append(Entry(manager, paths, item.get("time", now())))
    return entries


def write_entries(entries: list[Entry]) -> list[Object]:
    """The entries as metadata has them, those that apply first."""
    written = []
    for entry in sorted(entries, key=lambda entry: (entry.manager.operation, entry.time, entry.manager.name)):
        manager = entry.manager
        item: Object = {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": manager.api_version,
            "time": entry.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": to_tree(set(entry.paths)),
        }
        if manager.subresource:
            item["subresource"] = manager.subresource
        written.append(item)
    return written


def after_update(entries: list[Entry], manager: Manager, before: Fields, after: Fields) -> list[Entry]:
    """The entries after a manager made one object of another: what it changed is its own."""
    changed = {path for path, value in after.items() if path not in before or before[path] != value}
    gone = before.keys() - after.keys()
    return _credited(entries, manager, lambda paths: (paths | changed) - gone, changed | gone)


def after_apply(
    entries: list[Entry], manager: Manager, applied: set[Path], before: Fields, after: Fields
) -> list[Entry]:
    """The entries after a manager applied fields: they are its own, and no longer those of whom it overruled."""
    changed = {path for path in applied if path in before and before[path] != after.get(path)}
    gone = before.keys() - after.keys()
    return _credited(entries, manager, lambda paths: frozenset(applied), changed | gone)


def _credited(entries: list[Entry], manager: Manager, own: Any, lost: set[Path]) -> list[Entry]:
    result = []
    mine = Entry(manager, frozenset(), "")
    for entry in entries:
        if entry.manager == manager:
            mine = entry
        elif left := entry.paths - lost:
            result.append(replace(entry, paths=left))
    paths = frozenset(own(mine.paths))
    if paths:
        time = mine.time if paths == mine.paths else now()
        result.append(Entry(manager, paths, time))
    return result
