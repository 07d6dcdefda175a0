"""Columns that several kinds show."""

from __future__ import annotations

from .errors import Object
from .kind import Column
from .times import age

NAME = Column("Name", lambda given: given["metadata"]["name"], format="name", description="Name of the object.")
AGE = Column(
    "Age", lambda given: age(given["metadata"].get("creationTimestamp")), description="Time since it was made."
)


def selector_text(selector: Object | None) -> str:
    """A LabelSelector as query text; ``<none>`` if it selects everything."""
    if not selector:
        return "<none>"
    parts = [f"{key}={value}" for key, value in sorted(selector.get("matchLabels", {}).items())]
    for expression in selector.get("matchExpressions", []):
        key, operator, values = expression["key"], expression["operator"], sorted(expression.get("values", []))
        listed = f"({','.join(values)})"
        parts.append(
            {"In": f"{key} in {listed}", "NotIn": f"{key} notin {listed}", "Exists": key}.get(operator, f"!{key}")
        )
    return ",".join(parts) or "<none>"


def map_text(labels: dict[str, str] | None) -> str:
    """A map as query text."""
    return ",".join(f"{key}={value}" for key, value in sorted((labels or {}).items())) or "<none>"


def _containers(given: Object) -> list[Object]:
    found: list[Object] = given["spec"]["template"]["spec"].get("containers", [])
    return found


CONTAINERS = Column("Containers", lambda given: ",".join(part["name"] for part in _containers(given)), wide=True)
IMAGES = Column("Images", lambda given: ",".join(part.get("image", "") for part in _containers(given)), wide=True)
SELECTOR = Column("Selector", lambda given: selector_text(given["spec"].get("selector")), wide=True)
