"""A registry: what the names of one sort mean, whether they come from us, a user's file or an installed package."""

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
    """Names and what they mean; a name that is unknown, or a look at all, imports the plugins first.

    Args:
        sort: what the names are of, such as ``searcher``, for errors.
    """

    def __init__(self, sort: str) -> None:
        self.sort = sort
        self._entries: dict[str, Registered | str] = {}

    def register(self, name: str, entry: Registered | str) -> None:
        """Gives a name a meaning: a class or function, or ``module:name`` of one, which is imported at its first use.

        Raises:
            InfrarayError: the name is taken by other code (`infraray.ownership`).
        """
        check_owner(f"{self.sort} {name}", self._entries.get(name, entry), entry)
        self._entries[name] = entry

    def __getitem__(self, name: str) -> Registered:
        """What a name means.

        Raises:
            UnknownName: nothing; the nearest names are told.
            InfrarayError: its code cannot be imported.
        """
        if name not in self:
            raise unknown_name(f"{self.sort} {name!r}", name, self._entries)
        entry = self._entries[name]
        if not isinstance(entry, str):
            return entry
        # Ours may say what they lack; what others raise is one line.
        with nullcontext() if entry.startswith("infraray.") else guarded(f"{self.sort} {name}"):
            found: Registered = resolve_name(entry)
        return found

    def working(self, plugins: bool = True) -> dict[str, Registered]:
        """All that can be had by its name: what fails when it is imported is left out.

        Args:
            plugins: whether those of installed packages are wanted, or only what is registered by now.
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
    """The error for a name that means nothing: the nearest ones, and the plugins that failed, which may have had it.

    Args:
        what: the name and what it is of, such as ``searcher 'smack'``.
        name: the name.
        known: those that mean something.
    """
    return UnknownName("; ".join([f"unknown {what}", did_you_mean(name, known), *plugin_problems()]))
