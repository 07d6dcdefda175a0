"""Paths of objects: which kind, which namespace, which object, which subresource."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import no_such_path
from .kind import Kind
from .kinds import KINDS
from .reviews import REVIEWS, Review

_NAMESPACES_OWN = ("status", "finalize")
"""What follows a namespace's name and is not the name of a resource in it."""


@dataclass(frozen=True)
class Route:
    """What a path names."""

    kind: Kind | Review
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    everywhere: bool = False
    """Whether it names the objects of all namespaces."""


_BY_RESOURCE: dict[tuple[str, str], Kind | Review] = {(kind.group, kind.plural): kind for kind in (*KINDS, *REVIEWS)}


def read_route(path: str) -> Route:
    """What a path below ``/api`` or ``/apis`` names.

    Raises:
        ApiError: nothing is served there (404).
    """
    parts = path.strip("/").split("/")
    if parts[:2] == ["api", "v1"]:
        group, rest = "", parts[2:]
    elif parts[0] == "apis" and len(parts) > 2 and parts[2] == "v1":
        group, rest = parts[1], parts[3:]
    else:
        raise no_such_path()
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2 and not (len(rest) == 3 and rest[2] in _NAMESPACES_OWN):
        namespace, rest = rest[1], rest[2:]
    if not 1 <= len(rest) <= 3 or not all(rest):
        raise no_such_path()
    kind = _BY_RESOURCE.get((group, rest[0]))
    if kind is None or (namespace and not kind.namespaced):
        raise no_such_path()
    name = rest[1] if len(rest) > 1 else ""
    if name and kind.namespaced and not namespace:
        raise no_such_path()
    return Route(kind, namespace, name, rest[2] if len(rest) > 2 else "", kind.namespaced and not namespace)
