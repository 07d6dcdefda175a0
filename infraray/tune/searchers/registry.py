"""The searchers there are, by name."""

from __future__ import annotations

from collections.abc import Sequence

from infraray.errors import InfrarayError
from infraray.registry import Registry
from infraray.space.search_space import SearchSpace
from infraray.tune.searchers.searcher import Searcher

searchers: Registry[type[Searcher]] = Registry("searcher")


def register_searcher(name: str, entry_point: str | type[Searcher]) -> None:
    """Makes a name mean a `Searcher` subclass, or ``module:Class``, which is imported at its first use.

    Raises:
        InfrarayError: the name is taken by other code (`infraray.ownership`).
    """
    searchers.register(name, entry_point)


def registered_searchers() -> list[str]:
    """The names, in the order of their registration."""
    return list(searchers)


def find_searcher(name: str) -> type[Searcher]:
    """The class that a name means.

    Raises:
        UnknownName: no such searcher; the nearest names are told.
        InfrarayError: a package that it needs is not installed; the extra that brings it is told.
    """
    try:
        return searchers[name]
    except ImportError as error:
        if (error.name or "infraray").split(".")[0] == "infraray":
            raise
        raise InfrarayError(f"searcher {name}: needs {error.name}; pip install 'infraray[search]'") from None


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
