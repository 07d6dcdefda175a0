"""The kinds of engines and their launch spaces, by name."""

from __future__ import annotations

from infraray.engines.kind import EngineKind
from infraray.engines.launch_space import LaunchSpace
from infraray.registry import Registry, unknown_name

engine_kinds: Registry[type[EngineKind]] = Registry("engine")


def register_engine(name: str, kind: type[EngineKind] | str) -> None:
    """Makes ``engine: name`` mean an `EngineKind` subclass, or ``module:Class``, which is imported at its first use.

    Raises:
        InfrarayError: the name is taken by other code (`infraray.ownership`).
    """
    engine_kinds.register(name, kind)


def find_engine(name: str) -> EngineKind:
    """The kind of a name.

    Raises:
        UnknownName: there is none; the nearest names are told.
    """
    return engine_kinds[name](name)


def launch_spaces() -> dict[str, tuple[EngineKind, LaunchSpace]]:
    """Every launch space by its name, with the kind of engine that it is of."""
    found: dict[str, tuple[EngineKind, LaunchSpace]] = {}
    for engine in engine_kinds:
        kind = find_engine(engine)
        for space in kind.launch_spaces:
            found.setdefault(space.name(engine), (kind, space))
    return found


def find_launch_space(name: str) -> tuple[EngineKind, LaunchSpace]:
    """The space of a name, and the kind of engine that it is of.

    Raises:
        UnknownName: there is none; the nearest names are told.
    """
    known = launch_spaces()
    if name not in known:
        raise unknown_name(f"launch space {name!r}", name, known)
    return known[name]
