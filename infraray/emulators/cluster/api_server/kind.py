"""What the server knows of one kind: its names, its columns, its rules. Each kind is a file in ``kinds/``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .errors import FieldError, Object
from .schema import Type, find_type

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


class Column(NamedTuple):
    """A column of ``kubectl get``."""

    name: str
    cell: Callable[[Object], Any]
    type: str = "string"
    format: str = ""
    wide: bool = False
    """Whether only ``-o wide`` shows it."""
    description: str = ""


def nothing(given: Object) -> None:
    """The rule of a kind that has none."""


def no_errors(given: Object) -> list[FieldError]:
    """The check of a kind that has none."""
    return []


def no_change_errors(new: Object, old: Object) -> list[FieldError]:
    """The check of changes of a kind that allows all."""
    return []


@dataclass(frozen=True)
class Kind:
    """A kind of object and the resource through which it is reached.

    Attributes:
        group: API group; empty for core.
        name: Kind, such as ``NetworkPolicy``.
        plural: Resource, such as ``networkpolicies``.
        package: File of its fields.
        columns: What ``kubectl get`` shows.
        default: Sets what the real server sets, beyond the defaults of ``fields/``.
        validate: What is wrong with an object.
        validate_change: What is wrong with a change from the second object to the first, beyond that.
        name_rule: Whether names are DNS ``subdomain`` or ``label``.
        selectable: What field selectors may name, beyond name and namespace, with the values of an object.
        spec_parts: Top-level fields whose change makes a new generation.
        subresources: Those that are served, in the words of paths.
        streams_lists: Whether a watch can begin with the objects that are there. Kubernetes refuses it for kinds that
            it keeps no watch cache of, and clients then list and watch.
    """

    group: str
    name: str
    plural: str
    singular: str
    package: str
    columns: tuple[Column, ...]
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    namespaced: bool = True
    verbs: tuple[str, ...] = VERBS
    subresources: tuple[str, ...] = ()
    default: Callable[[Object], None] = nothing
    validate: Callable[[Object], list[FieldError]] = no_errors
    validate_change: Callable[[Object, Object], list[FieldError]] = no_change_errors
    name_rule: str = "subdomain"
    selectable: Mapping[str, Callable[[Object], str]] | None = None
    spec_parts: tuple[str, ...] = ()
    streams_lists: bool = True

    @property
    def version(self) -> str:
        """Version of the group."""
        return "v1"

    @property
    def api_version(self) -> str:
        """Group and version as objects have them."""
        return f"{self.group}/v1" if self.group else "v1"

    @property
    def has_status(self) -> bool:
        """Whether the status has a writer of its own."""
        return "status" in self.subresources

    @property
    def type(self) -> Type:
        """Its fields."""
        return find_type(self.package, self.name)

    @property
    def path(self) -> str:
        """Path of its group and version."""
        return f"/apis/{self.group}/v1" if self.group else "/api/v1"
