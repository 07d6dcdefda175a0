"""Errors as Kubernetes reports them: a code, a reason, a message, and causes that name fields."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field.

    Attributes:
        field: Its path, such as ``spec.ingress[0].ports[1].port``.
        reason: ``FieldValueInvalid``, ``FieldValueRequired``, ``FieldValueNotSupported``, ``FieldValueDuplicate``,
            ``FieldValueForbidden``, ``FieldValueTooLong`` or ``FieldValueNotFound``.
        message: What the cause's message says.
    """

    field: str
    reason: str
    message: str


def invalid(field: str, value: Any, detail: str) -> FieldError:
    """A value that is not allowed."""
    return FieldError(field, "FieldValueInvalid", f"Invalid value: {_shown(value)}: {detail}")


def required(field: str, detail: str = "") -> FieldError:
    """A value that is missing."""
    return FieldError(field, "FieldValueRequired", "Required value" + (f": {detail}" if detail else ""))


def unsupported(field: str, value: Any, supported: Sequence[str]) -> FieldError:
    """A value that is none of those there are."""
    names = ", ".join(json.dumps(name) for name in sorted(supported))
    return FieldError(field, "FieldValueNotSupported", f"Unsupported value: {_shown(value)}: supported values: {names}")


def duplicate(field: str, value: Any) -> FieldError:
    """A value that is given twice."""
    return FieldError(field, "FieldValueDuplicate", f"Duplicate value: {_shown(value)}")


def forbidden_field(field: str, detail: str) -> FieldError:
    """A field that must not be set or changed."""
    return FieldError(field, "FieldValueForbidden", f"Forbidden: {detail}")


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


class ApiError(Exception):
    """An answer other than success, sent as a Status object."""

    def __init__(self, code: int, reason: str, message: str, details: Object | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details

    def status(self) -> Object:
        """The Status object."""
        status: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        status["message"] = self.message
        if self.reason:
            status["reason"] = self.reason
        if self.details:
            status["details"] = self.details
        status["code"] = self.code
        return status


def qualified(group: str, name: str) -> str:
    """A resource or kind with its group, such as ``deployments.apps``."""
    return f"{name}.{group}" if group else name


def _details(group: str, kind: str, name: str, causes: list[Object] | None = None) -> Object:
    details: Object = {"name": name, "group": group, "kind": kind, "causes": causes}
    return {key: value for key, value in details.items() if value}


def not_found(group: str, plural: str, name: str) -> ApiError:
    """404: no object of this name."""
    message = f"{qualified(group, plural)} {json.dumps(name)} not found"
    return ApiError(404, "NotFound", message, _details(group, plural, name))


def no_such_path() -> ApiError:
    """404: nothing is served there."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(group: str, plural: str, name: str) -> ApiError:
    """409: the name is taken."""
    message = f"{qualified(group, plural)} {json.dumps(name)} already exists"
    return ApiError(409, "AlreadyExists", message, _details(group, plural, name))


def conflict(group: str, plural: str, name: str, detail: str) -> ApiError:
    """409: the object is not what the client expected."""
    message = f"Operation cannot be fulfilled on {qualified(group, plural)} {json.dumps(name)}: {detail}"
    return ApiError(409, "Conflict", message, _details(group, plural, name))


CHANGED = "the object has been modified; please apply your changes to the latest version and try again"


def out_of_space() -> ApiError:
    """500: the store is full."""
    return ApiError(500, "", "etcdserver: mvcc: database space exceeded")


def forbidden(group: str, plural: str, name: str, detail: str, causes: list[Object] | None = None) -> ApiError:
    """403: a rule of the server is against it."""
    message = f"{qualified(group, plural)} {json.dumps(name)} is forbidden: {detail}"
    return ApiError(403, "Forbidden", message, _details(group, plural, name, causes))


def invalid_object(group: str, kind: str, name: str, errors: Sequence[FieldError]) -> ApiError:
    """422: the object breaks rules, all of which are told at once."""
    texts = [f"{error.field}: {error.message}" for error in errors]
    told = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    causes = [{"reason": error.reason, "message": error.message, "field": error.field} for error in errors]
    message = f"{qualified(group, kind)} {json.dumps(name)} is invalid: {told}"
    return ApiError(422, "Invalid", message, _details(group, kind, name, causes))


def bad_request(message: str) -> ApiError:
    """400: the request cannot be read."""
    return ApiError(400, "BadRequest", message)


def method_not_allowed() -> ApiError:
    """405: the resource has no such verb."""
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def not_implemented(what: str) -> ApiError:
    """501: Kubernetes does it, this server does not."""
    return ApiError(501, "NotImplemented", f"{what} is not implemented by this server", {})


def unsupported_media_type(given: str, supported: Sequence[str]) -> ApiError:
    """415: the body's type is not one that is read here."""
    message = (
        f"the body of the request was in an unknown format - {given!r} - accepted media types include: "
        f"{', '.join(supported)}"
    )
    return ApiError(415, "UnsupportedMediaType", message, {})


def expired(message: str) -> ApiError:
    """410: the version asked for is no longer there."""
    return ApiError(410, "Expired", message)


def version_too_large(given: int, current: int) -> ApiError:
    """504: the version asked for is not there yet."""
    details = {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    }
    return ApiError(504, "Timeout", f"Too large resource version: {given}, current: {current}", details)


def internal_error(message: str) -> ApiError:
    """500: what should not have happened."""
    return ApiError(500, "InternalError", f"Internal error occurred: {message}", {"causes": [{"message": message}]})
