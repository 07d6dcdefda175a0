"""Protocol Buffers' wire format, as far as clients of Kubernetes force it on this server.

kubectl sends in it the questions of ``auth can-i`` and what ``create deployment`` and its like make, and old versions
read the OpenAPI document in no other. Replies are JSON, which every client takes too.
"""

from __future__ import annotations

import base64
import time
from typing import Any

from .errors import Object, bad_request
from .schema import Field, Type, find_type

MAGIC = b"k8s\x00"
"""Begins a body of ``application/vnd.kubernetes.protobuf``."""

Values = dict[int, list[Any]]
"""Values of a message by field number: integers, or bytes."""


def read_message(body: bytes) -> Object:
    """An object sent as protobuf.

    Raises:
        ApiError: it cannot be read, or its kind is not known here.
    """
    if not body.startswith(MAGIC):
        raise bad_request("the body does not begin as Kubernetes' protobuf does")
    envelope = _values(body[len(MAGIC) :])
    names = {number: _text(values[-1]) for number, values in _values(_bytes(envelope, 1)).items()}
    version, kind = names.get(1, ""), names.get(2, "")
    group = version.rpartition("/")[0].partition(".")[0] or "core"
    try:
        declared = find_type(f"io.k8s.api.{group}.v1", kind)
    except (KeyError, StopIteration):
        raise bad_request(f"a body of kind {kind!r} in version {version!r} is not known here") from None
    return {"apiVersion": version, "kind": kind, **_object(_bytes(envelope, 2), declared)}


def _object(message: bytes, declared: Type) -> Object:
    read: Object = {}
    whole = _values(message)
    inner: dict[int, Values] = {}
    for field in declared.fields.values():
        if not field.numbers:
            continue
        values = whole
        if len(field.numbers) == 2:  # a message that JSON does not have
            outer = field.numbers[0]
            if outer not in inner:
                inner[outer] = _values(_bytes(whole, outer))
            values = inner[outer]
        found = values.get(field.numbers[-1])
        if found is not None:
            value = _field(found, field)
            if value is not None:
                read[field.name] = value
    return read


def _field(found: list[Any], field: Field) -> Any:
    if field.shape == "value":
        return _value(found[-1], field)
    if field.shape == "list":
        return [_value(item, field) for item in found]
    entries = [_values(_checked(item)) for item in found]
    if field.shape == "map":
        return {_text(_bytes(entry, 1)): _value(_bytes(entry, 2), field) for entry in entries}
    return {
        _text(_bytes(entry, 1)): [_text(item) for item in _values(_bytes(entry, 2)).get(1, [])] for entry in entries
    }


def _value(value: Any, field: Field) -> Any:
    declared, name = field.type, field.type_name
    if declared is not None:
        return _object(_checked(value), declared)
    if name in ("integer", "long", "boolean"):
        if not isinstance(value, int):
            raise _not_protobuf()
        return bool(value) if name == "boolean" else value - 2**64 if value >= 2**63 else value
    data = _checked(value)
    if name == "string":
        return _text(data)
    if name == "bytes":
        return base64.b64encode(data).decode()
    parts = _values(data)
    if name == "quantity":
        return _text(_bytes(parts, 1)) or "0"
    if name == "int-or-string":
        return _text(_bytes(parts, 3)) if parts.get(1, [0])[-1] else parts.get(2, [0])[-1]
    seconds = parts.get(1, [0])[-1]
    if name not in ("time", "micro-time") or not isinstance(seconds, int) or not 0 < seconds < 2**33:
        return None
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def _not_protobuf() -> Exception:
    return bad_request("the body is no protobuf message of its kind")


def _checked(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise _not_protobuf()
    return value


def _bytes(values: Values, number: int) -> bytes:
    return _checked(values[number][-1]) if number in values else b""


def _text(data: Any) -> str:
    try:
        return _checked(data).decode()
    except UnicodeDecodeError:
        raise _not_protobuf() from None


def _values(message: bytes) -> Values:
    """The message's values by field number."""
    values: Values = {}
    position = 0
    try:
        while position < len(message):
            tag, position = _varint(message, position)
            sort = tag & 7
            value: Any
            if sort == 0:
                value, position = _varint(message, position)
            elif sort == 2:
                length, position = _varint(message, position)
                value = message[position : position + length]
                position += length
                if position > len(message):
                    raise IndexError
            elif sort in (1, 5):
                position += 8 if sort == 1 else 4
                continue
            else:
                raise IndexError
            values.setdefault(tag >> 3, []).append(value)
    except IndexError:
        raise _not_protobuf() from None
    return values


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise IndexError


def field(number: int, content: bytes | str) -> bytes:
    """A field of a message: bytes, text or another message."""
    data = content.encode() if isinstance(content, str) else content
    return _encoded(number << 3 | 2) + _encoded(len(data)) + data


def _encoded(value: int) -> bytes:
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
