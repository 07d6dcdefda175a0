"""What a launch configuration of an engine may set, and what becomes of it on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infraray.engines import EngineSpec, read_engine_spec
from infraray.space.search_space import SearchSpace
from infraray.space.values import Configuration


def plain_flags(configuration: Configuration) -> dict[str, Any]:
    """Each hyperparameter is the flag of its name; null leaves the flag out, which is the engine's own default."""
    return {name: value for name, value in configuration.items() if value is not None}


@dataclass(frozen=True)
class LaunchSpace:
    """An engine's flags as a search space.

    Args:
        name: what it is called, such as ``vllm`` or ``vllm-paper``.
        engine: the engine's name in an `EngineSpec`.
        versions: the engine's versions whose flags these are, for the reader.
        build: makes the space for an engine whose sequences have at most so many tokens, on which
            depends what must not be combined.
        flags: turns a configuration into flags.
    """

    name: str
    engine: str
    versions: str
    build: Callable[[int], SearchSpace]
    flags: Callable[[Configuration], dict[str, Any]] = plain_flags

    def engine_spec(self, configuration: Configuration, base: Mapping[str, Any]) -> EngineSpec:
        """The engine that a configuration launches.

        Args:
            configuration: of this space.
            base: the fields that are the same for all: model, python, flags that are not searched, ...

        Raises:
            InfrarayError: the engine cannot be launched so.
        """
        flags = {**base.get("flags", {}), **self.flags(configuration)}
        return read_engine_spec({"name": self.name, **base, "engine": self.engine, "flags": flags})

    def command_line(self, configuration: Configuration) -> str:
        """The flags as a person would write them."""
        written = []
        for name, value in self.flags(configuration).items():
            flag = name.replace("_", "-")
            if value is True:
                written.append(f"--{flag}")
            elif value is False:
                written.append(f"--no-{flag}")
            else:
                written.append(f"--{flag} {json.dumps(value) if isinstance(value, dict) else value}")
        return " ".join(written) or "(no flags)"
