"""core/v1 Event."""

from __future__ import annotations

from collections.abc import Callable

from ..columns import NAME
from ..errors import FieldError, Object, invalid
from ..kind import Column, Kind
from ..times import age

_INVOLVED = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")


def validate(given: Object) -> list[FieldError]:
    """An event belongs into the namespace of its object."""
    involved = given["involvedObject"].get("namespace", "")
    if involved and involved != given["metadata"].get("namespace"):
        return [invalid("involvedObject.namespace", involved, "does not match event.namespace")]
    return []


def _field(name: str) -> Callable[[Object], str]:
    return lambda given: str(given["involvedObject"].get(name, ""))


def _source(given: Object) -> str:
    return str(given["source"].get("component") or given.get("reportingComponent", ""))


def _source_text(given: Object) -> str:
    host = given["source"].get("host") or given.get("reportingInstance", "")
    return ", ".join(part for part in (_source(given), host) if part)


def _first_seen(given: Object) -> str:
    return age(given.get("firstTimestamp") or given.get("eventTime"))


def _last_seen(given: Object) -> str:
    return age(
        given.get("series", {}).get("lastObservedTime")
        or given.get("lastTimestamp")
        or given.get("eventTime")
        or given.get("firstTimestamp")
    )


def _object(given: Object) -> str:
    involved = given["involvedObject"]
    return f"{involved.get('kind', '').lower()}/{involved.get('name', '')}"


KIND = Kind(
    group="",
    name="Event",
    plural="events",
    singular="event",
    short_names=("ev",),
    package="io.k8s.api.core.v1",
    columns=(
        Column("Last Seen", _last_seen),
        Column("Type", lambda given: given.get("type", "")),
        Column("Reason", lambda given: given.get("reason", "")),
        Column("Object", _object),
        Column("Subobject", lambda given: given["involvedObject"].get("fieldPath", ""), wide=True),
        Column("Source", _source_text, wide=True),
        Column("Message", lambda given: given.get("message", "").strip()),
        Column("First Seen", _first_seen, wide=True),
        Column(
            "Count", lambda given: given.get("series", {}).get("count") or given.get("count") or 1, "integer", wide=True
        ),
        NAME._replace(wide=True),
    ),
    validate=validate,
    selectable={
        **{f"involvedObject.{name}": _field(name) for name in _INVOLVED},
        "reason": lambda given: given.get("reason", ""),
        "reportingComponent": lambda given: given.get("reportingComponent", ""),
        "source": _source,
        "type": lambda given: given.get("type", ""),
    },
    streams_lists=False,
)
