"""A registry of names of one sort, whether they come from us, a user's file or an installed package."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext, suppress
from pkgutil import resolve_name
from typing import Generic, TypeVar

from infraray.errors import InfrarayError, UnknownName, did_you_mean
from infraray.ownership import check_owner
from infraray.plugins import load_plugins, plugin_problems
from infraray.user_code import guarded

Registered = TypeVar("Registered")


class Registry(Mapping[str, Registered], Generic[Registered]):
    """Maps names to classes or functions; an unknown name, or a listing, imports the plugins first.

    Args:
        sort: what is named, such as ``searcher``; for errors.
    """

    def __init__(self, sort: str) -> None:
        self.sort = sort
        self._entries: dict[str, Registered | str] = {}

    def register(self, name: str, entry: Registered | str) -> None:
        """Registers a name for a class or function, or for its ``module:name``, which is imported on first use.

        Raises:
            InfrarayError: the name is taken by other code (`infraray.ownership`).
        """
        check_owner(f"{self.sort} {name}", self._entries.get(name, entry), entry)
        self._entries[name] = entry

    def __getitem__(self, name: str) -> Registered:
        """The class or function under a name.

        Raises:
            UnknownName: there is none; the text lists the nearest names.
            InfrarayError: its code cannot be imported.
        """
        if name not in self:
            raise unknown_name(f"{self.sort} {name!r}", name, self._entries)
        entry = self._entries[name]
        if not isinstance(entry, str):
            return entry
        # Ours may say what they lack; whatever others raise becomes one line.
        with nullcontext() if entry.startswith("infraray.") else guarded(f"{self.sort} {name}"):
            found: Registered = resolve_name(entry)
        return found

    def working(self, plugins: bool = True) -> dict[str, Registered]:
        """Everything available by its name; whatever fails to import is left out.

        Args:
            plugins: whether to include those of installed packages, or only what is registered so far.
        """
        found: dict[str, Registered] = {}
        for name in self if plugins else list(self._entries):
            with suppress(InfrarayError):
                found[name] = self[name]
        return found

    def __contains__(self, name: object) -> bool:
        if name not in self._entries:
            load_plugins()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        load_plugins()
        return iter(list(self._entries))

    def __len__(self) -> int:
        load_plugins()
        return len(self._entries)


def unknown_name(what: str, name: str, known: Iterable[str]) -> UnknownName:
    """The error for an unknown name: the nearest ones, and the plugins that failed, which may have defined it.

    Args:
        what: the name and its sort, such as ``searcher 'smack'``.
        name: the name.
        known: the registered names.
    """
    return UnknownName("; ".join([f"unknown {what}", did_you_mean(name, known), *plugin_problems()]))
