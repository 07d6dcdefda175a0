"""Launch spaces: the flags of an engine that a search may set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infraray.space import Configuration, SearchSpace


def plain_flags(configuration: Configuration) -> dict[str, Any]:
    """Turns each hyperparameter into the flag of its name; null omits the flag, leaving the engine's default."""
    return {name: value for name, value in configuration.items() if value is not None}


@dataclass(frozen=True)
class LaunchSpace:
    """An engine's flags as a search space.

    Args:
        variant: the suffix after the engine's name, as ``paper`` in ``vllm-paper``; "" for the bare name.
        versions: the engine's versions that have these flags, for the reader.
        build: makes the space for an engine whose sequences have at most this many tokens, which
            determines the forbidden combinations.
        flags: turns a configuration into flags.
    """

    variant: str
    versions: str
    build: Callable[[int], SearchSpace]
    flags: Callable[[Configuration], dict[str, Any]] = plain_flags

    def name(self, engine: str) -> str:
        """The name under which the space of an engine is found."""
        return f"{engine}-{self.variant}" if self.variant else engine
