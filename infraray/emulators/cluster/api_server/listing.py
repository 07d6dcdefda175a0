"""Lists: which version, which objects, in which pieces."""

from __future__ import annotations

import base64
import json
from bisect import bisect_left
from dataclasses import dataclass

from .errors import Object, bad_request, expired, version_too_large
from .http_server import Request
from .kind import Kind
from .objects import Objects
from .selectors import read_selectors
from .store import Key, Stored


@dataclass(frozen=True)
class ListOptions:
    """The options of a list or watch."""

    label_selector: str
    field_selector: str
    limit: int
    continue_token: str
    version: int | None
    """The resource version asked for; None if any will do."""
    match: str
    """``Exact``, ``NotOlderThan`` or empty."""


def read_list_options(request: Request) -> ListOptions:
    """The options of a request.

    Raises:
        ApiError: one cannot be read.
    """
    written = request.parameter("resourceVersion")
    if written and not written.isdecimal():
        raise bad_request(f"resourceVersion: Invalid value: {written!r}: a version is a number")
    limit = request.parameter("limit")
    if limit and not limit.isdecimal():
        raise bad_request(f"limit: Invalid value: {limit!r}: a limit is a number")
    match = request.parameter("resourceVersionMatch")
    if match not in ("", "Exact", "NotOlderThan"):
        raise bad_request(f"resourceVersionMatch: Unsupported value: {match!r}: supported values: Exact, NotOlderThan")
    return ListOptions(
        request.parameter("labelSelector"),
        request.parameter("fieldSelector"),
        int(limit or 0),
        request.parameter("continue"),
        int(written) if written else None,
        match,
    )


def list_objects(objects: Objects, kind: Kind, namespace: str, options: ListOptions) -> tuple[list[Stored], Object]:
    """The objects of a list, in the order of namespace and name, and the list's metadata.

    Raises:
        ApiError: an option cannot be read, or the version asked for is not there.
    """
    collection = objects[kind]
    matches = read_selectors(kind, options.label_selector, options.field_selector)
    version, start = objects.versions.current, None
    if options.continue_token:
        version, start = _read_token(options.continue_token)
    elif options.version is not None and options.version > version:
        raise version_too_large(options.version, version)
    elif options.version and (options.match == "Exact" or (options.limit and not options.match)):
        version = options.version
    present = collection.at(version)
    if present is None:
        what = "provided continue parameter" if options.continue_token else "requested resource version"
        raise expired(f"The {what} is too old to display a consistent list result; start a new list without it.")
    keys = collection.in_order() if version >= objects.versions.current else sorted(present)
    first = bisect_left(keys, start) if start is not None else 0
    found: list[Stored] = []
    metadata: Object = {"resourceVersion": str(version)}
    for position in range(first, len(keys)):
        key = keys[position]
        if (namespace and key[0] != namespace) or (matches is not None and not matches(present[key].object)):
            continue
        if options.limit and len(found) == options.limit:
            metadata["continue"] = _make_token(version, key)
            if matches is None:
                metadata["remainingItemCount"] = sum(
                    not namespace or other[0] == namespace for other in keys[position:]
                )
            break
        found.append(present[key])
    return found, metadata


def _make_token(version: int, key: Key) -> str:
    written = json.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": "/".join(key)})
    return base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, Key]:
    try:
        read = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        namespace, _, name = read["start"].partition("/")
        return int(read["rv"]), (namespace, name)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise bad_request("continue key is not valid: it is none that this server gave out") from None
