"""A cluster as if it had an application's namespaces alone: what is asked of all is asked of each and put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from infraray.emulators.cluster.inside.api_client import JSON
from infraray.emulators.remote_cluster.api import Api, Object
from infraray.emulators.remote_cluster.paths import read_path

PIECES = ("limit", "continue")
"""Parameters of a list in pieces; an application's lists are short."""


class View:
    """The view.

    Args:
        api: the cluster.
        namespaces: the application's.
        selector: what selects these namespaces by their labels.
    """

    def __init__(self, api: Api, namespaces: Sequence[str], selector: str) -> None:
        self.api = api
        self.namespaces = tuple(namespaces)
        self._selector = selector

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None, content_type: str = JSON) -> Any:
        """The answer to a request, where one that means all namespaces means those of the application.

        Raises:
            InfrarayError: it is refused, or nobody answers.
        """
        found = read_path(path)
        if method != "GET" or found is None or found.namespace or found.name:
            return self.api.request(method, path, body, content_type)
        if found.resource == "namespaces":
            return self.api.request(method, f"{path}?{self.of_namespaces('')}")
        return together([self.api.request(method, found.within(one)) for one in self.namespaces])

    def of_namespaces(self, query: str) -> str:
        """The query of a list of namespaces, narrowed to those of the application."""
        asked = dict(parse_qsl(query, keep_blank_values=True))
        asked["labelSelector"] = ",".join(filter(None, (asked.get("labelSelector"), self._selector)))
        return urlencode(asked)

    @staticmethod
    def whole(query: str) -> str:
        """The query of a list in pieces, as one of the whole list."""
        return urlencode([one for one in parse_qsl(query, keep_blank_values=True) if one[0] not in PIECES])


def together(lists: Sequence[Object]) -> Object:
    """Lists of the same kind as one, be they of objects or tables."""
    first, *others = lists
    name = "rows" if first.get("kind") == "Table" else "items"
    first[name] = [one for found in (first, *others) for one in found.get(name) or ()]
    return first
