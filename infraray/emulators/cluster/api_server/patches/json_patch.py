"""JSON patch, RFC 6902."""

from __future__ import annotations

import copy
from typing import Any

from ..errors import ApiError, bad_request

_MOST_OPERATIONS = 10_000
_OPERATIONS = ("add", "copy", "move", "remove", "replace", "test")


def rejected(why: str) -> ApiError:
    """422: a patch that can be read and cannot be carried out."""
    message = f"the server rejected our request due to an error in our request: {why}"
    return ApiError(422, "Invalid", message, {"causes": [{"reason": "UnexpectedServerResponse", "message": why}]})


def apply_json_patch(document: Any, patch: Any) -> Any:
    """The document after all operations; the given one may be changed.

    Raises:
        ApiError: the patch cannot be read (400) or carried out (422).
    """
    if not isinstance(patch, list):
        raise bad_request("a JSON patch is a list of operations")
    if len(patch) > _MOST_OPERATIONS:
        raise ApiError(413, "RequestEntityTooLarge", f"a JSON patch has at most {_MOST_OPERATIONS} operations")
    for operation in patch:
        document = _apply(document, operation)
    return document


def _apply(document: Any, operation: Any) -> Any:
    if not isinstance(operation, dict) or operation.get("op") not in _OPERATIONS:
        given = operation.get("op") if isinstance(operation, dict) else operation
        raise bad_request(f"op: {given!r} is none of {', '.join(_OPERATIONS)}")
    name = operation["op"]
    path = _pointer(operation, "path")
    if name in ("add", "replace", "test") and "value" not in operation:
        raise bad_request(f"the operation {name} needs a value")
    if name == "test":
        if not same(_find(document, path), operation["value"]):
            raise rejected(f"testing path {operation['path']} failed: it has another value")
        return document
    if name == "remove":
        return _remove(document, path)
    if name == "replace":
        _find(document, path)
        return _replace(document, path, copy.deepcopy(operation["value"]))
    if name == "add":
        return _add(document, path, copy.deepcopy(operation["value"]))
    source = _pointer(operation, "from")
    value = _find(document, source)
    if name == "copy":
        return _add(document, path, copy.deepcopy(value))
    if path[: len(source)] == source and path != source:
        raise rejected(f"{operation['from']} cannot be moved into itself")
    return _add(_remove(document, source), path, value)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal as JSON, where true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(*pair) for pair in zip(one, other, strict=True))
    return bool(one == other)


def _pointer(operation: dict[str, Any], name: str) -> list[str]:
    """A JSON pointer (RFC 6901) as its parts."""
    pointer = operation.get(name)
    if not isinstance(pointer, str) or (pointer and pointer[0] != "/"):
        raise bad_request(f"{name}: {pointer!r} is no JSON pointer such as /spec/replicas")
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _shown(path: list[str]) -> str:
    return "".join(f"/{part}" for part in path) or "the document"


def _position(items: list[Any], part: str, path: list[str], end: int) -> int:
    """An index of a list, below ``end``."""
    if part.isascii() and part.isdigit() and (part == "0" or part[0] != "0") and int(part) < end:
        return int(part)
    raise rejected(f"{_shown(path)}: {part!r} is no index of a list of {len(items)}")


def _find(document: Any, path: list[str]) -> Any:
    for part in path:
        if isinstance(document, dict):
            if part not in document:
                raise rejected(f"{_shown(path)}: there is no {part!r}")
            document = document[part]
        elif isinstance(document, list):
            document = document[_position(document, part, path, len(document))]
        else:
            raise rejected(f"{_shown(path)}: {part!r} would be inside a plain value")
    return document


def _remove(document: Any, path: list[str]) -> Any:
    _find(document, path)
    if not path:
        raise rejected("the whole document cannot be removed")
    parent = _find(document, path[:-1])
    if isinstance(parent, list):
        del parent[int(path[-1])]
    else:
        del parent[path[-1]]
    return document


def _replace(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent = _find(document, path[:-1])
    parent[int(path[-1]) if isinstance(parent, list) else path[-1]] = value
    return document


def _add(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent, last = _find(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        parent.insert(len(parent) if last == "-" else _position(parent, last, path, len(parent) + 1), value)
    elif isinstance(parent, dict):
        parent[last] = value
    else:
        raise rejected(f"{_shown(path)}: {last!r} would be inside a plain value")
    return document
