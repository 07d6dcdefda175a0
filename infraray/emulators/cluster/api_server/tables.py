"""Objects as clients ask for them: whole, as rows of a table, or their metadata only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from .errors import ApiError, Object
from .kind import Kind
from .store import Stored, encode

_META = "meta.k8s.io"


@dataclass(frozen=True)
class Form:
    """How objects are sent: ``shape`` is ``object``, ``table`` or ``metadata``."""

    shape: str = "object"
    include: str = "Metadata"
    """What a row has beside its cells: ``Metadata``, ``None`` or ``Object``."""

    def one(self, kind: Kind, stored: Stored) -> bytes:
        """A single object."""
        if self.shape == "object":
            return stored.json
        if self.shape == "metadata":
            return encode(_metadata(stored.object))
        return self._table(kind, [stored], {"resourceVersion": stored.object["metadata"]["resourceVersion"]})

    def many(self, kind: Kind, stored: Iterable[Stored], metadata: Object) -> bytes:
        """A list."""
        if self.shape == "table":
            return self._table(kind, stored, metadata)
        if self.shape == "object":
            name, version = f"{kind.name}List", kind.api_version
            items = b",".join(item.json for item in stored)
        else:
            name, version = "PartialObjectMetadataList", f"{_META}/v1"
            items = b",".join(encode(_metadata(item.object)) for item in stored)
        head = encode({"kind": name, "apiVersion": version, "metadata": metadata})
        return b'%b,"items":[%b]}' % (head[:-1], items)

    def bookmark(self, kind: Kind, metadata: Object) -> bytes:
        """An object that is only a version, and what is noted beside it."""
        if self.shape == "table":
            cells = ["" for _ in kind.columns]
            row = {"cells": cells, "object": _metadata({"metadata": metadata})}
            return encode(_head(kind, {"resourceVersion": metadata["resourceVersion"]}) | {"rows": [row]})
        if self.shape == "metadata":
            return encode(_metadata({"metadata": metadata}))
        return encode({"kind": kind.name, "apiVersion": kind.api_version, "metadata": metadata})

    def _table(self, kind: Kind, stored: Iterable[Stored], metadata: Object) -> bytes:
        rows = []
        for item in stored:
            row: Object = {"cells": [column.cell(item.object) for column in kind.columns]}
            if self.include == "Object":
                row["object"] = item.object
            elif self.include == "Metadata":
                row["object"] = _metadata(item.object)
            rows.append(row)
        return encode(_head(kind, metadata) | {"rows": rows})


def _head(kind: Kind, metadata: Object) -> Object:
    definitions = [
        {
            "name": column.name,
            "type": column.type,
            "format": column.format,
            "description": column.description or f"{column.name} of the {kind.singular}.",
            "priority": int(column.wide),
        }
        for column in kind.columns
    ]
    return {"kind": "Table", "apiVersion": f"{_META}/v1", "metadata": metadata, "columnDefinitions": definitions}


def _metadata(given: Object) -> Object:
    return {"kind": "PartialObjectMetadata", "apiVersion": f"{_META}/v1", "metadata": given["metadata"]}


def read_form(accept: str, include: str) -> Form:
    """The first form of an Accept header that is sent here.

    Raises:
        ApiError: there is none (406).
    """
    for offer in accept.split(","):
        media, *parameters = (part.strip() for part in offer.split(";"))
        given = dict(part.partition("=")[::2] for part in parameters)
        if media not in ("application/json", "application/*", "*/*", "", "application/yaml"):
            continue
        wanted = given.get("as", "")
        if not wanted:
            return Form()
        if given.get("g") == _META and given.get("v") == "v1":
            if wanted == "Table":
                return Form("table", include or "Metadata")
            if wanted in ("PartialObjectMetadata", "PartialObjectMetadataList"):
                return Form("metadata")
    told = "only the following media types are accepted: application/json, application/yaml"
    raise ApiError(406, "NotAcceptable", told, {})


def accepts_yaml(accept: str) -> bool:
    """Whether YAML is what a client wants most."""
    return bool(re.match(r"\s*application/yaml\b", accept))


def to_yaml(body: bytes) -> bytes:
    """JSON as YAML."""
    import yaml  # takes longer to import than the server to start

    return yaml.safe_dump(json.loads(body), sort_keys=False).encode()
