"""The part of a measurement that is the same for every configuration: the model, the workload, the engines."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from infraray.engines import EngineKind, EngineSpec, LaunchSpace, find_launch_space, read_engine_spec
from infraray.errors import InfrarayError, without_secrets
from infraray.load.workloads import Workload
from infraray.scenarios.inference.quality.quiz import DEFAULT_SIZE
from infraray.space.search_space import SearchSpace, chosen_part, joint_space
from infraray.space.values import Configuration

ENGINE = "engine"
"""The hyperparameter that chooses between several engines."""

REFERENCE = "transformers"
"""The engine that everything else is compared with."""

_SMALL_BYTES = 16 * 2**20
"""File size below which the content counts."""


@dataclass(frozen=True)
class Setting:
    """The part that is the same for every configuration.

    Args:
        model: a local folder in Hugging Face's format.
        workload: the requests.
        engines: names of launch spaces; several are searched jointly.
        python: interpreter of each engine's environment by the launch space's name; by default ours.
        flags: flags that are given to each engine and not searched, by the launch space's name.
        env: environment variables of the engines.
        ready_timeout_s: how long an engine may take to start (InferenceBench: 300).
        folder: where requests and the reference's figures are kept.
        longbench: a local copy of LongBench v2; by default generated documents.
        mmlu_pro: a local copy of MMLU-Pro for the quality gate, without which nothing passes.
        questions: number of questions of the quality gate.
    """

    model: str
    workload: Workload
    engines: tuple[str, ...]
    python: Mapping[str, str] = field(default_factory=dict)
    flags: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    ready_timeout_s: float = 300.0
    folder: str = "runs/inference"
    longbench: str | None = None
    mmlu_pro: str | None = None
    questions: int = DEFAULT_SIZE

    @cached_property
    def spaces(self) -> dict[str, tuple[EngineKind, LaunchSpace]]:
        """The launch spaces by name, each with its kind of engine."""
        return {name: find_launch_space(name) for name in self.engines}

    @cached_property
    def space(self) -> SearchSpace:
        """The search space: one engine's flags, or the engine and its flags."""
        built = {name: self.space_of(name) for name in self.engines}
        if len(built) == 1:
            return next(iter(built.values()))
        return joint_space("+".join(built), 1, ENGINE, built)

    def space_of(self, name: str) -> SearchSpace:
        """The tunable flags of one launch space."""
        _, launch = self.spaces[name]
        return launch.build(self.context_tokens(name))

    def context_tokens(self, name: str) -> int:
        """The longest sequence that an engine must be able to hold: set by its flags, or the model's context."""
        try:
            return self._told_context(name) or int(self._config["max_position_embeddings"])
        except (ValueError, KeyError, TypeError):
            return self.workload.longest_sequence

    def check_context(self) -> None:
        """Rejects sequences that the reference server or an engine cannot hold, before anything is measured in vain.

        Raises:
            InfrarayError: one line.
        """
        longest = self.workload.longest_sequence
        # The reference holds what the model's configuration says; engines may extend it.
        limits = {"the reference server": self._config.get("max_position_embeddings")}
        limits |= {f"{name} by its flags": self._told_context(name) for name in self.engines}
        for who, holds in limits.items():
            if isinstance(holds, int) and longest > holds:
                raise InfrarayError(
                    f"inference: workload: input_tokens={self.workload.input_tokens} and "
                    f"output_tokens={self.workload.output_tokens} make sequences of {longest} tokens; {who} holds "
                    f"{holds} with this model; shorten them, or take another model or flag"
                )

    def _told_context(self, name: str) -> int | None:
        """The longest sequence according to the engine's flags; None if they do not say."""
        return self.spaces[name][0].context_tokens(self.flags.get(name, {}))

    @cached_property
    def _config(self) -> dict[str, Any]:
        """The model's ``config.json``; empty if there is none."""
        try:
            config = json.loads((Path(self.model) / "config.json").read_text())
        except (OSError, ValueError):
            return {}
        return config if isinstance(config, dict) else {}

    def chosen(self, configuration: Configuration) -> tuple[str, Configuration]:
        """A configuration's launch space, and its settings there."""
        return chosen_part(ENGINE, configuration) if len(self.engines) > 1 else (self.engines[0], configuration)

    def engine_spec(self, configuration: Configuration) -> EngineSpec:
        """The engine that a configuration launches."""
        name, part = self.chosen(configuration)
        kind, space = self.spaces[name]
        base = self._base(name)
        return read_engine_spec(
            {"name": name, **base, "engine": kind.name, "flags": {**base["flags"], **space.flags(part)}}
        )

    def command_line(self, configuration: Configuration) -> str:
        """The engine and its flags as a command line."""
        name, part = self.chosen(configuration)
        kind, space = self.spaces[name]
        return f"{kind.name} {shlex.join(kind.flag_words(space.flags(part))) or '(no flags)'}"

    def reference_spec(self) -> EngineSpec:
        """The reference server on PyTorch."""
        return read_engine_spec({"name": "reference", **self._base(REFERENCE), "engine": REFERENCE})

    def _base(self, name: str) -> dict[str, Any]:
        base: dict[str, Any] = {
            "model": str(Path(self.model).resolve()),
            "flags": dict(self.flags.get(name, {})),
            "env": dict(self.env),
            "ready_timeout_s": self.ready_timeout_s,
        }
        python = self.python.get(name) or self.python.get("all")
        return {**base, "python": python} if python else base

    def identity(self) -> dict[str, Any]:
        """What a measurement depends on besides the configuration and the seed, as plain data."""
        return {
            "model": self._model_fingerprint(),
            "workload": self.workload.model_dump(mode="json"),
            "space": self.space.to_json(),
            "flags": {name: dict(flags) for name, flags in self.flags.items()},
            "env": without_secrets(dict(self.env), ("env",)),
            "longbench": self._longbench_fingerprint(),
        }

    def _model_fingerprint(self) -> list[list[Any]]:
        folder = Path(self.model)
        if not folder.is_dir():
            raise InfrarayError(f"inference: model={self.model!r}: no such folder; name one in Hugging Face's format")
        return _fingerprint(folder, folder.iterdir())

    def _longbench_fingerprint(self) -> list[list[Any]] | None:
        if self.longbench is None:
            return None
        path = Path(self.longbench)
        if not path.exists():
            raise InfrarayError(f"inference: longbench={self.longbench!r}: no such file or folder; name a local copy")
        return _fingerprint(path, path.glob("**/*")) if path.is_dir() else _fingerprint(path.parent, [path])


def _fingerprint(folder: Path, paths: Iterable[Path]) -> list[list[Any]]:
    """Names and sizes of files, with the content of small ones and the modification time of the others.

    Reading weights would take minutes; a copy with a different time counts as changed.
    """
    found = []
    for path in sorted(path for path in paths if path.is_file()):
        status = path.stat()
        is_small = status.st_size < _SMALL_BYTES
        content = hashlib.sha256(path.read_bytes()).hexdigest() if is_small else status.st_mtime_ns
        found.append([str(path.relative_to(folder)), status.st_size, content])
    return found


def tuned_flags(setting: Setting, configuration: Configuration) -> tuple[str, dict[str, Any]]:
    """A launch's engine and its non-default settings."""
    name, part = setting.chosen(configuration)
    default = setting.space_of(name).default
    return name, {flag: value for flag, value in part.items() if flag not in default or default[flag] != value}
