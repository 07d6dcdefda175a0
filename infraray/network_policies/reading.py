"""Typed access to the fields of a manifest, whose errors name the field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from infraray.errors import InfrarayError

Manifest = Mapping[str, Any]
"""A Kubernetes object as YAML or JSON gives it."""


class Field:
    """A value in a manifest and where it is.

    Args:
        value: the value; None is the same as absent, as in the API.
        path: the place, such as ``NetworkPolicy shop/frontend: spec.ingress[0]``.
    """

    def __init__(self, value: Any, path: str) -> None:
        self.value = value
        self.path = path

    def __getitem__(self, name: str) -> Field:
        """A field of a mapping; of an absent mapping, an absent field."""
        value = {} if self.value is None else self._of(Mapping, "a mapping")
        separator = "" if self.path.endswith(": ") else "."
        return Field(value.get(name), f"{self.path}{separator}{name}")

    @property
    def is_absent(self) -> bool:
        """Whether there is no value."""
        return self.value is None

    def entries(self) -> Iterator[Field]:
        """The entries of a list; none if it is absent."""
        if self.value is not None:
            for position, value in enumerate(self._of(list | tuple, "a list")):
                yield Field(value, f"{self.path}[{position}]")

    def text(self, default: str | None = None) -> str:
        """A string.

        Raises:
            InfrarayError: it is something else, or absent without a default.
        """
        if self.value is None and default is not None:
            return default
        return str(self._of(str, "a string"))

    def texts(self) -> tuple[str, ...]:
        """A list of strings."""
        return tuple(entry.text() for entry in self.entries())

    def mapping(self) -> dict[str, str]:
        """A mapping of strings to strings, such as labels."""
        return {name: self[name].text() for name in ({} if self.value is None else self._of(Mapping, "a mapping"))}

    def fail(self, problem: str) -> InfrarayError:
        """An error about this field."""
        return InfrarayError(f"{self.path}={self.value!r}: {problem}")

    def _of(self, kind: Any, name: str) -> Any:
        if not isinstance(self.value, kind):
            raise self.fail(f"must be {name}")
        return self.value


def read(manifest: Manifest) -> Field:
    """The root of a manifest, named by its kind, namespace and name.

    Raises:
        InfrarayError: it is no Kubernetes object.
    """
    if not isinstance(manifest, Mapping) or not isinstance(manifest.get("kind"), str):
        raise InfrarayError(f"manifest={manifest!r}: must be a mapping with a kind")
    metadata = Field(manifest, f"{manifest['kind']}: ")["metadata"]
    name = metadata["name"].text()
    namespace = metadata["namespace"].text("")
    return Field(manifest, f"{manifest['kind']} {namespace}{'/' if namespace else ''}{name}: ")
