"""Reads a body as an object of a known type, as strictly as the client asks for.

What Kubernetes' decoder does: a value of the wrong type is an error; null is as if not given; a field that the type
does not have, or that is given twice, is an error, a warning or nothing (``fieldValidation``) and is dropped. Empty
lists and maps and zeros are dropped too where Kubernetes drops them when it writes the object.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from .errors import ApiError, Object, bad_request
from .schema import Field, Type

_GO_NAMES = {"integer": "int32", "long": "int64", "boolean": "bool", "string": "string"}
_RANGES = {"integer": 2**31, "long": 2**63}


class Pairs(dict[str, Any]):
    """A JSON object that remembers which of its names came twice."""

    twice: tuple[str, ...] = ()


def _read_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    read = Pairs(pairs)
    if len(read) < len(pairs):
        names = [name for name, _ in pairs]
        read.twice = tuple(sorted({name for name in names if names.count(name) > 1}))
    return read


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def read_json(body: bytes) -> Any:
    """JSON with its duplicates remembered.

    Raises:
        ApiError: it is not JSON.
    """
    try:
        return json.loads(body, object_pairs_hook=_read_pairs, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"the object provided is unrecognized (must be of type JSON): {error}") from None


def read_body(body: bytes, content_type: str) -> Any:
    """JSON or YAML, by its content type.

    Raises:
        ApiError: it cannot be read.
    """
    if "yaml" not in content_type:
        return read_json(body)
    import yaml  # takes longer to import than the server to start, and clients send JSON

    try:
        return yaml.load(body, _plain_yaml())
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        told = " ".join(str(error).split())
        raise bad_request(f"error converting YAML to JSON: {told}") from None


def _plain_yaml() -> Any:
    """A loader with JSON's types only: no dates."""
    import yaml

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers = {  # noqa: RUF012 (yaml's own attribute)
            first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
            for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

    return Loader


def _is_omitted(known: Field) -> bool:
    """Whether Kubernetes leaves the field out when it is empty or zero."""
    if known.required or known.pointer:
        return False
    return known.shape != "value" or known.type_name in ("string", "boolean", "integer", "long")


class Decoder:
    """Reads one object; afterwards ``problems`` lists what was dropped."""

    def __init__(self, api_version: str, kind: str) -> None:
        self._version = api_version.rpartition("/")[2]
        self._kind = kind
        self.problems: list[str] = []

    def decode(self, given: Any, declared: Type) -> Object:
        """The object with its known fields only.

        Raises:
            ApiError: a value has the wrong type.
        """
        if not isinstance(given, dict):
            raise bad_request(f"the object provided is unrecognized: it is {_json_type(given)}, not an object")
        return self._object(given, declared, "")

    def strict_error(self) -> ApiError:
        """The refusal of what was dropped."""
        told = ", ".join(self.problems)
        return bad_request(
            f'{self._kind} in version "{self._version}" cannot be handled as a {self._kind}: '
            f"strict decoding error: {told}"
        )

    def _object(self, given: dict[str, Any], declared: Type, path: str) -> Object:
        twice = getattr(given, "twice", ())
        for name in twice:
            self.problems.append(f'duplicate field "{path}{name}"')
        read: Object = {}
        fields = declared.fields
        for name, value in given.items():
            known = fields.get(name)
            if known is None:
                self.problems.append(f'unknown field "{path}{name}"')
            elif value is not None:
                value = self._field(value, known, f"{path}{name}", declared)
                if value or not _is_omitted(known):
                    read[name] = value
        return read

    def _field(self, value: Any, known: Field, path: str, owner: Type) -> Any:
        if known.shape == "value":
            return self._value(value, known, path, owner)
        if known.shape == "list":
            if not isinstance(value, list):
                raise self._wrong(value, f"[]{self._go_type(known)}", owner, path)
            return [self._value(item, known, f"{path}[{index}]", owner) for index, item in enumerate(value)]
        if not isinstance(value, dict):
            raise self._wrong(value, f"map[string]{self._go_type(known)}", owner, path)
        if known.shape == "map":
            return {key: self._value(item, known, f"{path}.{key}", owner) for key, item in value.items()}
        return {
            key: [self._value(part, known, f"{path}.{key}", owner) for part in item or []]
            for key, item in value.items()
        }

    def _value(self, value: Any, known: Field, path: str, owner: Type) -> Any:
        name = known.type_name
        if name == "string":
            if isinstance(value, str):
                return value
            if value is None:
                return ""
        elif (inner := known.type) is not None:
            if isinstance(value, dict):
                return self._object(value, inner, f"{path}.")
            if value is None:
                return {}
        elif name == "any":
            return value
        elif name == "boolean":
            if isinstance(value, bool):
                return value
        elif name in _RANGES:
            if isinstance(value, float) and value.is_integer():
                value = int(value)
            if isinstance(value, int) and not isinstance(value, bool):
                if -_RANGES[name] <= value < _RANGES[name]:
                    return value
                raise self._wrong(value, _GO_NAMES[name], owner, path)
        elif name == "int-or-string":
            if isinstance(value, int | str) and not isinstance(value, bool):
                return value
        elif name == "quantity":
            if isinstance(value, str):
                return value
            if isinstance(value, int | float) and not isinstance(value, bool):
                return str(value) if value == int(value) else f"{round(value * 1000)}m"
        elif name == "bytes":
            return self._bytes(value, owner, path)
        elif isinstance(value, str):  # a time
            return value
        raise self._wrong(value, self._go_type(known), owner, path)

    def _bytes(self, value: Any, owner: Type, path: str) -> str:
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self._wrong(value, "[]uint8", owner, path)
        try:
            base64.b64decode(value, validate=True)
        except binascii.Error:
            raise self._cannot(f"{path}: illegal base64 data") from None
        return value

    def _wrong(self, value: Any, wanted: str, owner: Type, path: str) -> ApiError:
        return self._cannot(
            f"json: cannot unmarshal {_json_type(value)} into Go struct field {owner.name}.{path} of type {wanted}"
        )

    def _cannot(self, why: str) -> ApiError:
        return bad_request(f'{self._kind} in version "{self._version}" cannot be handled as a {self._kind}: {why}')

    @staticmethod
    def _go_type(known: Field) -> str:
        if known.type is not None:
            package = known.type.package.split(".")
            return f"{package[-1]}.{known.type_name}"
        return _GO_NAMES.get(known.type_name, known.type_name)


def _json_type(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return f"number {value}"
    if isinstance(value, str):
        return "string"
    if value is None:
        return "null"
    return "array" if isinstance(value, list) else "object"
