"""The fields of every type served, read from the files in ``fields/``, one for each package of Kubernetes.

A type's block is its name and then one line for each field::

    NetworkPolicyPort
      protocol string number=1 enum=TCP|UDP|SCTP default=TCP  # TCP, UDP or SCTP.

The second word is the field's type: a scalar, another type's name, a list ``[string]`` or a map ``{string}``. The
words after it are ``required``; ``pointer`` (an explicit zero differs from none); ``default=`` (JSON, or text);
``enum=``; ``merge=KEY``, by which a strategic merge patch tells a list's items apart (without a key for lists of
scalars); ``keys=``, by which server-side apply does, where they differ; ``atomic`` (apply never merges inside);
``retain`` (the patch strategy ``retainKeys``); ``number=`` (the field's number in protobuf, ``2.1`` if it is in a
message that JSON does not have). Names and types are those of the client of Kubernetes 1.37.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

SCALARS = frozenset(
    ("string", "boolean", "integer", "long", "time", "micro-time", "bytes", "quantity", "int-or-string", "any")
)

_ZEROS: dict[str, Any] = {"string": "", "integer": 0, "long": 0, "boolean": False}
"""What Kubernetes writes for a required field that is not given."""

_FOLDER = Path(__file__).with_name("fields")


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One field of a type."""

    name: str
    type_name: str
    """Type of the field, or of the items of a list or map."""
    shape: str
    """``value``, ``list``, ``map`` or ``map of lists``."""
    package: str
    description: str = ""
    required: bool = False
    pointer: bool = False
    atomic: bool = False
    retain_keys: bool = False
    merge_key: str | None = None
    """None if a strategic merge patch replaces the list; empty if the list holds scalars."""
    keys: tuple[str, ...] = ()
    enum: tuple[str, ...] = ()
    default: Any = None
    numbers: tuple[int, ...] = ()
    """Field numbers in protobuf, from the outermost message; empty if it is not read from there."""

    @property
    def type(self) -> Type | None:
        """The type's fields, if it is not a scalar."""
        return None if self.type_name in SCALARS else find_type(self.package, self.type_name)


@dataclass(frozen=True, slots=True, eq=False)
class Type:
    """A type: an object with known fields."""

    name: str
    package: str
    description: str
    atomic: bool
    fields: dict[str, Field]
    defaults: tuple[Field, ...] = ()
    """The fields that have a default."""

    @property
    def full_name(self) -> str:
        """Name in OpenAPI documents, such as ``io.k8s.api.core.v1.Pod``."""
        return f"{self.package}.{self.name}"


def _read_blocks() -> dict[str, dict[str, str]]:
    blocks: dict[str, dict[str, str]] = {}
    for path in sorted(_FOLDER.iterdir()):
        texts = path.read_text(encoding="utf-8").split("\n\n")
        blocks[path.name.removesuffix(".txt")] = {text.split(None, 1)[0]: text for text in texts}
    return blocks


_BLOCKS = _read_blocks()


@cache
def find_type(package: str, name: str) -> Type:
    """The type that ``name`` means in a package: its own, or else that of another."""
    if name not in _BLOCKS[package]:
        package = next(other for other, blocks in _BLOCKS.items() if name in blocks)
        return find_type(package, name)
    head, *lines = _BLOCKS[package][name].splitlines()
    words, _, description = head.partition("  # ")
    fields = {read.name: read for read in (_read_field(package, line) for line in lines)}
    defaults = tuple(read for read in fields.values() if read.default is not None)
    return Type(name, package, description, "atomic" in words.split(), fields, defaults)


def all_types() -> list[Type]:
    """Every type that there is."""
    return [find_type(package, name) for package, blocks in _BLOCKS.items() for name in blocks]


def _read_field(package: str, line: str) -> Field:
    words, _, description = line.strip().partition("  # ")
    name, written, *flags = words.split()
    given = dict(flag.partition("=")[::2] for flag in flags)
    shape = "value"
    if written.startswith("{["):
        shape = "map of lists"
    elif written.startswith("["):
        shape = "list"
    elif written.startswith("{"):
        shape = "map"
    merge_key = given.get("merge")
    keys = given.get("keys", merge_key) or ""
    default = _read_default(given["default"]) if "default" in given else None
    if default is None and "required" in given and shape == "value":
        default = _ZEROS.get(written)
    return Field(
        name,
        written.strip("[]{}"),
        shape,
        package,
        description,
        required="required" in given,
        pointer="pointer" in given,
        atomic="atomic" in given,
        retain_keys="retain" in given,
        merge_key=merge_key,
        keys=tuple(keys.split(",")) if keys else (),
        enum=tuple(given["enum"].split("|")) if "enum" in given else (),
        default=default,
        numbers=tuple(int(part) for part in given["number"].split(".")) if "number" in given else (),
    )


def _read_default(written: str) -> Any:
    try:
        return json.loads(written)
    except ValueError:
        return written
