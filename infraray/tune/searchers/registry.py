"""The searchers there are, by name."""

from __future__ import annotations

import pkgutil
from collections.abc import Sequence

from infraray.errors import InfrarayError, UnknownName, did_you_mean
from infraray.ownership import check_owner
from infraray.space.search_space import SearchSpace
from infraray.tune.searchers.searcher import Searcher

_searchers: dict[str, str | type[Searcher]] = {}


def register_searcher(name: str, entry_point: str | type[Searcher]) -> None:
    """Makes a name mean a `Searcher` subclass, or ``module:Class``, which is imported at its first use.

    Raises:
        InfrarayError: the name is taken by other code (`infraray.ownership`).
    """
    check_owner(f"searcher {name}", _searchers.get(name, entry_point), entry_point)
    _searchers[name] = entry_point


def registered_searchers() -> list[str]:
    """The names, in the order of their registration."""
    return list(_searchers)


def find_searcher(name: str) -> type[Searcher]:
    """The class that a name means.

    Raises:
        UnknownName: no such searcher; the nearest names are told.
        InfrarayError: a package that it needs is not installed; the extra that brings it is told.
    """
    if name not in _searchers:
        raise UnknownName(f"unknown searcher {name!r}; {did_you_mean(name, _searchers)}")
    entry_point = _searchers[name]
    if isinstance(entry_point, type):
        return entry_point
    try:
        found: type[Searcher] = pkgutil.resolve_name(entry_point)
    except ImportError as error:
        if (error.name or "infraray").split(".")[0] == "infraray":
            raise
        raise InfrarayError(f"searcher {name}: needs {error.name}; pip install 'infraray[search]'") from None
    return found


def make_searcher(name: str, space: SearchSpace, budgets: Sequence[int], seed: int) -> Searcher:
    """Makes a searcher; the arguments are those of `Searcher`.

    Raises:
        InfrarayError: see `find_searcher`.
    """
    return find_searcher(name)(space, budgets, seed)


register_searcher("random", "infraray.tune.searchers.random:RandomSearch")
register_searcher("tpe", "infraray.tune.searchers.tpe:Tpe")
register_searcher("bohb", "infraray.tune.searchers.bohb:Bohb")
register_searcher("smac", "infraray.tune.searchers.smac:Smac")
