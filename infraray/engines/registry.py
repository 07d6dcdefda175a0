"""The kinds of engines and their launch spaces, by name."""

from __future__ import annotations

from collections.abc import Mapping

from infraray.engines.kind import EngineKind
from infraray.engines.launch_space import LaunchSpace
from infraray.registry import Registry, unknown_name

engine_kinds: Registry[type[EngineKind]] = Registry("engine")


def register_engine(name: str, kind: type[EngineKind] | str) -> None:
    """Makes ``engine: name`` mean an `EngineKind` subclass, or ``module:Class``, which is imported on first use.

    Raises:
        InfrarayError: the name is taken by other code (`infraray.ownership`).
    """
    engine_kinds.register(name, kind)


def find_engine(name: str) -> EngineKind:
    """The kind with a name.

    Raises:
        UnknownName: there is none; the text lists the nearest names.
    """
    return engine_kinds[name](name)


def launch_spaces() -> dict[str, tuple[EngineKind, LaunchSpace]]:
    """Every launch space by its name, with its kind of engine."""
    return _spaces_of(engine_kinds.working())


def find_launch_space(name: str) -> tuple[EngineKind, LaunchSpace]:
    """The space with a name, and its kind of engine.

    Raises:
        UnknownName: there is none; the text lists the nearest names.
    """
    for kinds in (engine_kinds.working(plugins=False), engine_kinds.working()):
        known = _spaces_of(kinds)
        if name in known:
            return known[name]
    raise unknown_name(f"launch space {name!r}", name, known)


def _spaces_of(kinds: Mapping[str, type[EngineKind]]) -> dict[str, tuple[EngineKind, LaunchSpace]]:
    found: dict[str, tuple[EngineKind, LaunchSpace]] = {}
    for engine, kind in kinds.items():
        for space in kind.launch_spaces:
            found.setdefault(space.name(engine), (kind(engine), space))
    return found
