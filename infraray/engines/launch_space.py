"""What a search may set of an engine's flags."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infraray.space import Configuration, SearchSpace


def plain_flags(configuration: Configuration) -> dict[str, Any]:
    """Each hyperparameter is the flag of its name; null leaves the flag out, which is the engine's own default."""
    return {name: value for name, value in configuration.items() if value is not None}


@dataclass(frozen=True)
class LaunchSpace:
    """An engine's flags as a search space.

    Args:
        variant: what it is called after the engine's name, as ``paper`` in ``vllm-paper``; "" for the engine's name.
        versions: the engine's versions whose flags these are, for the reader.
        build: makes the space for an engine whose sequences have at most so many tokens, on which
            depends what must not be combined.
        flags: turns a configuration into flags.
    """

    variant: str
    versions: str
    build: Callable[[int], SearchSpace]
    flags: Callable[[Configuration], dict[str, Any]] = plain_flags

    def name(self, engine: str) -> str:
        """The name by which the space of an engine is found."""
        return f"{engine}-{self.variant}" if self.variant else engine
