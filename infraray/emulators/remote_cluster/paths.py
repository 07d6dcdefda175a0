"""What a request's path means to an API server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ApiPath:
    """A path of the Kubernetes API that means objects.

    Args:
        version: where its group and version are, such as ``/apis/apps/v1``.
        resource: the resource, such as ``deployments``; ``namespaces`` for these themselves.
        namespace: whose; empty for all, and for what is in none.
        name: the object's; empty for all.
        subresource: such as ``log``.
    """

    version: str
    resource: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    def within(self, namespace: str) -> str:
        """The path of the same objects of one namespace."""
        return f"{self.version}/namespaces/{namespace}/{self.resource}"


def read_path(path: str) -> ApiPath | None:
    """The objects that a path means; None if it means none, such as one that tells what a server has.

    Raises:
        ValueError: it is none of an API server, or could be read in two ways.
    """
    parts = path.strip("/").split("/")
    if "%" in path or any(part in ("", ".", "..") for part in parts[1:]):
        raise ValueError(f"{path}: no path of an API server")
    depth = {"api": 2, "apis": 3}.get(parts[0], len(parts))
    version, rest = "/" + "/".join(parts[:depth]), parts[depth:]
    if not rest:
        return None
    if rest[0] == "namespaces" and len(rest) > 2:
        _, namespace, *rest = rest
        if len(rest) > 3:
            raise ValueError(f"{path}: no path of an API server")
        return ApiPath(version, rest[0], namespace, *rest[1:])
    if len(rest) > (2 if rest[0] == "namespaces" else 1):
        raise ValueError(f"{path}: not a part of the application")
    return ApiPath(version, rest[0], "", *rest[1:])
