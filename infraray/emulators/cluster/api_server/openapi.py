"""OpenAPI documents: version 3, one for each group, and version 2 as old kubectls read it.

They hold what clients need: the types with their fields, keys and defaults, and for each kind the operations by which
kubectl knows where it is and whether the server validates fields.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Any

from .discovery import VERSION, group_names
from .errors import Object
from .kind import Kind
from .kinds import KINDS
from .protobuf import field as message
from .reviews import REVIEWS
from .schema import Field, Type, all_types, find_type
from .store import encode

_META = "io.k8s.apimachinery.pkg.apis.meta.v1"
_INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"

_SCALARS: dict[str, Object] = {
    "string": {"type": "string"},
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer", "format": "int32"},
    "long": {"type": "integer", "format": "int64"},
    "time": {"type": "string", "format": "date-time"},
    "micro-time": {"type": "string", "format": "date-time"},
    "bytes": {"type": "string", "format": "byte"},
    "any": {"type": "object"},
}

PATCH_TYPES = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
)

_DESCRIPTIONS = {
    "apiVersion": "Version of the schema of this object.",
    "kind": "Kind of this object.",
    "metadata": "What all objects have: name, labels and others.",
}


def index(prefix: str = "") -> Object:
    """``/openapi/v3``: the documents there are."""
    paths = {}
    for group in ("", *group_names()):
        path = f"apis/{group}/v1" if group else "api/v1"
        paths[path] = {"serverRelativeURL": f"{prefix}/openapi/v3/{path}?hash={document_hash(group)}"}
    return {"paths": paths}


@cache
def document_hash(group: str) -> str:
    """The hash of a group's document, by which clients know what they have."""
    return hashlib.sha512(document(group)).hexdigest().upper()


@cache
def document(group: str) -> bytes:
    """The document of a group, version 3."""
    paths: Object = {}
    needed: dict[str, Type] = {}
    kinds: dict[str, tuple[str, str, bool]] = {}
    for kind in KINDS:
        if kind.group == group:
            paths |= _paths(kind)
            kinds[kind.type.full_name] = (kind.group, kind.name, True)
    for review in REVIEWS:
        if review.group == group:
            declared = find_type(review.package, review.name)
            kinds[declared.full_name] = (group, review.name, False)
            operation = _operation(group, review.name, "post", "")
            paths[f"/apis/{group}/v1/{review.plural}"] = {"post": operation}
    extra = (f"{_META}.DeleteOptions", f"{_META}.Status")
    for name in (*kinds, *extra):
        package, _, short = name.rpartition(".")
        _gather(find_type(package, short), needed)
    schemas = {name: _schema(declared, "#/components/schemas/") for name, declared in sorted(needed.items())}
    for name, (of_group, kind_name, listed) in kinds.items():
        schemas[name]["x-kubernetes-group-version-kind"] = [_kind(of_group, kind_name)]
        if listed:
            schemas[f"{name}List"] = _list_schema(name, of_group, f"{kind_name}List", "#/components/schemas/")
    schemas[_INT_OR_STRING] = {"oneOf": [{"type": "integer"}, {"type": "string"}], "format": "int-or-string"}
    schemas[_QUANTITY] = {"oneOf": [{"type": "string"}, {"type": "number"}]}
    schemas[f"{_META}.ListMeta"] = _schema(find_type(_META, "ListMeta"), "#/components/schemas/")
    info = {"title": "Kubernetes", "version": f"v{VERSION}.0"}
    return encode({"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": schemas}})


def _kind(group: str, name: str) -> Object:
    return {"group": group, "kind": name, "version": "v1"}


def _gather(declared: Type, found: dict[str, Type]) -> None:
    """A type and all that it holds."""
    if declared.full_name in found:
        return
    found[declared.full_name] = declared
    for field in declared.fields.values():
        if field.type is not None:
            _gather(field.type, found)


def _schema(declared: Type, prefix: str) -> Object:
    properties = {name: _property(field, prefix) for name, field in declared.fields.items()}
    schema: Object = {"type": "object", "properties": properties}
    if declared.description:
        schema["description"] = declared.description
    needed = [name for name, field in declared.fields.items() if field.required]
    if needed:
        schema["required"] = needed
    if declared.atomic:
        schema["x-kubernetes-map-type"] = "atomic"
    return schema


def _property(field: Field, prefix: str) -> Object:
    inner = _inner(field, prefix)
    described = field.description or _DESCRIPTIONS.get(field.name, "")
    shaped: Object
    if field.shape == "value":
        shaped = inner
        if "$ref" in inner and "components" in prefix:  # in version 3 nothing may stand beside a reference
            shaped = {"allOf": [inner]}
        if field.default is not None:
            shaped = shaped | {"default": field.default}
    elif field.shape == "list":
        shaped = {"type": "array", "items": inner}
    elif field.shape == "map":
        shaped = {"type": "object", "additionalProperties": inner}
    else:
        shaped = {"type": "object", "additionalProperties": {"type": "array", "items": inner}}
    if described:
        shaped = {"description": described, **shaped}
    return shaped | _extensions(field)


def _inner(field: Field, prefix: str) -> Object:
    if field.type is not None:
        return {"$ref": prefix + field.type.full_name}
    if field.type_name == "int-or-string":
        return {"$ref": prefix + _INT_OR_STRING}
    if field.type_name == "quantity":
        return {"$ref": prefix + _QUANTITY}
    scalar = dict(_SCALARS[field.type_name])
    if field.enum:
        scalar["enum"] = list(field.enum)
    return scalar


def _extensions(field: Field) -> Object:
    extensions: Object = {}
    if field.merge_key is not None:
        extensions["x-kubernetes-patch-strategy"] = "merge,retainKeys" if field.retain_keys else "merge"
        if field.merge_key:
            extensions["x-kubernetes-patch-merge-key"] = field.merge_key
    elif field.retain_keys:
        extensions["x-kubernetes-patch-strategy"] = "retainKeys"
    if field.shape == "list":
        if field.keys:
            extensions |= {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(field.keys)}
        else:
            extensions["x-kubernetes-list-type"] = "set" if field.merge_key == "" else "atomic"
    elif field.atomic:
        extensions["x-kubernetes-map-type"] = "atomic"
    return extensions


def _list_schema(item: str, group: str, name: str, prefix: str) -> Object:
    return {
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string"},
            "items": {"type": "array", "items": {"$ref": prefix + item}},
            "kind": {"type": "string"},
            "metadata": {"$ref": f"{prefix}{_META}.ListMeta"},
        },
        "x-kubernetes-group-version-kind": [_kind(group, name)],
    }


def _paths(kind: Kind) -> Object:
    """The operations by which clients find a kind."""
    name = kind.type.full_name
    base = f"{kind.path}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else f"{kind.path}/{kind.plural}"
    listing = {"get": _operation(kind.group, kind.name, "list", f"{name}List")}
    paths = {
        base: {**listing, "post": _operation(kind.group, kind.name, "post", name)},
        f"{base}/{{name}}": {
            "get": _operation(kind.group, kind.name, "get", name),
            "put": _operation(kind.group, kind.name, "put", name),
            "patch": _operation(kind.group, kind.name, "patch", name),
            "delete": _operation(kind.group, kind.name, "delete", f"{_META}.Status"),
        },
    }
    if kind.namespaced:
        paths[f"{kind.path}/{kind.plural}"] = listing
    return paths


def _operation(group: str, name: str, action: str, answers: str) -> Object:
    operation: Object = {
        "responses": {"200": {"description": "OK"}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": _kind(group, name),
    }
    if answers:
        schema = {"$ref": f"#/components/schemas/{answers}"}
        operation["responses"]["200"]["content"] = {"application/json": {"schema": schema}}
    if action in ("post", "put", "patch"):
        names = ("dryRun", "fieldManager", "fieldValidation")
        operation["parameters"] = [{"name": each, "in": "query", "schema": {"type": "string"}} for each in names]
    if action == "patch":
        content = {media: {"schema": {"type": "object"}} for media in PATCH_TYPES}
        operation["requestBody"] = {"content": content, "required": True}
    return operation


@cache
def document_v2() -> bytes:
    """The whole document, version 2, as the protobuf message ``openapi.v2.Document`` of gnostic."""
    definitions = {declared.full_name: _schema(declared, "#/definitions/") for declared in all_types()}
    for kind in KINDS:
        name = kind.type.full_name
        definitions[name]["x-kubernetes-group-version-kind"] = [_kind(kind.group, kind.name)]
        definitions[f"{name}List"] = _list_schema(name, kind.group, f"{kind.name}List", "#/definitions/")
    definitions[_INT_OR_STRING] = {"type": "string", "format": "int-or-string"}
    definitions[_QUANTITY] = {"type": "string"}
    named = b"".join(
        message(1, message(1, name) + message(2, _schema_message(schema))) for name, schema in definitions.items()
    )
    paths = b"".join(message(2, message(1, path) + message(2, item)) for path, item in _paths_v2())
    info = message(1, "Kubernetes") + message(2, f"v{VERSION}.0")
    return message(1, "2.0") + message(2, info) + message(8, paths) + message(9, named)


def _paths_v2() -> list[tuple[str, bytes]]:
    """For each kind the patch operation, by which kubectl knows that the server can do dry runs."""
    found = []
    for kind in KINDS:
        base = (
            f"{kind.path}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else f"{kind.path}/{kind.plural}"
        )
        query = message(3, message(2, "query") + message(4, "dryRun") + message(6, "string"))
        parameters = message(8, message(1, message(2, query)))
        extension = message(
            13, message(1, "x-kubernetes-group-version-kind") + message(2, _any(_kind(kind.group, kind.name)))
        )
        answers = message(9, message(1, message(1, "200") + message(2, message(1, message(1, "OK")))))
        found.append((f"{base}/{{name}}", message(8, parameters + answers + extension)))
    return found


def _any(value: Any) -> bytes:
    """A value as YAML, of which JSON is a part."""
    return message(2, json.dumps(value) + "\n")


def _schema_message(schema: Object) -> bytes:
    """A schema as the message ``openapi.v2.Schema``."""
    encoded = b""
    for name, number in (("$ref", 1), ("format", 2), ("description", 4)):
        if name in schema:
            encoded += message(number, schema[name])
    if "default" in schema:
        encoded += message(5, _any(schema["default"]))
    for name in schema.get("required", ()):
        encoded += message(19, name)
    if "additionalProperties" in schema:
        encoded += message(21, message(1, _schema_message(schema["additionalProperties"])))
    if "type" in schema:
        encoded += message(22, message(1, schema["type"]))
    if "items" in schema:
        encoded += message(23, message(1, _schema_message(schema["items"])))
    if "properties" in schema:
        parts = schema["properties"].items()
        encoded += message(
            25, b"".join(message(1, message(1, name) + message(2, _schema_message(part))) for name, part in parts)
        )
    for name, value in schema.items():
        if name.startswith("x-"):
            encoded += message(31, message(1, name) + message(2, _any(value)))
    return encoded
