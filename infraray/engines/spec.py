"""The specification of an engine: model, flags, resources and replicas, as written in a run's YAML."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from infraray.code_identity import code_sha256
from infraray.engines.base_url import check_url
from infraray.engines.kind import EngineKind, plain_flag
from infraray.engines.registry import find_engine
from infraray.errors import InfrarayError, explain_validation, without_secrets
from infraray.policy import trained
from infraray.strict import StrictModel

_OF_A_START = ("command", "flags", "env", "python", "replicas", "num_gpus", "num_cpus")
"""Fields that say how an engine is started, and where."""


class Replicas(StrictModel):
    """The number of replicas: at least ``min``, at most ``max``, one for every ``conversations`` agents."""

    min: int = Field(default=1, ge=1, le=1024)
    max: int = Field(default=1, ge=1, le=1024)
    conversations: int = Field(default=64, ge=1, description="agents at each replica before another is started")

    @model_validator(mode="after")
    def _ordered(self) -> Replicas:
        if self.min > self.max:
            raise ValueError(f"min={self.min} must not be greater than max={self.max}")
        if self.min == self.max and self.conversations != type(self).model_fields["conversations"].default:
            raise ValueError(f"conversations={self.conversations}: has no effect: min and max are both {self.min}")
        return self


def _read_replicas(value: Any) -> Any:
    """Reads a bare number as exactly that many."""
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    if value < 1:
        raise ValueError("must be at least 1")
    return {"min": value, "max": value}


def _read_command(value: Any) -> Any:
    """Splits a string as a shell would, without running one."""
    return tuple(shlex.split(value)) if isinstance(value, str) else value


class EngineSpec(StrictModel):
    """One engine. Only ``engine`` and ``model`` are needed, or ``url`` for one that runs already.

    In ``command``, ``{python}``, ``{model}``, ``{host}`` and ``{port}`` are filled in, and the flags follow.
    """

    name: str = Field(default="engine", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)
    engine: str = Field(default="vllm", description="the kind of engine")
    model: str = Field(default="", description="a folder, a name on the Hugging Face hub, or infraray for ours")
    flags: dict[str, Any] = Field(default={}, description="the engine's own flags, e.g. max_model_len: 8192")
    env: dict[str, str] = {}
    python: str = Field(default=sys.executable, description="interpreter of the environment that has the engine")
    command: Annotated[tuple[str, ...], BeforeValidator(_read_command)] = ()
    url: str = ""
    replicas: Annotated[Replicas, BeforeValidator(_read_replicas)] = Replicas()
    num_gpus: float | None = Field(default=None, ge=0, description="for each replica; None is what it needs")
    num_cpus: float = Field(default=1.0, ge=0, description="for each replica")
    ready_timeout_s: float = Field(default=600.0, gt=0, le=86_400)
    max_restarts: int = Field(default=3, ge=0, le=1000)
    optional: bool = Field(default=False, description="leave its agents out where this machine lacks the engine")

    @field_validator("env", mode="before")
    @classmethod
    def _numbers_as_text(cls, value: Any) -> Any:
        """Turns numbers into text: YAML reads ``1`` as a number, but an environment holds text."""
        if isinstance(value, dict):
            return {
                key: str(item) if isinstance(item, int | float) and not isinstance(item, bool) else item
                for key, item in value.items()
            }
        return value

    @model_validator(mode="after")
    def _complete(self) -> EngineSpec:
        if self.engine == "url":
            if not self.url:
                raise ValueError("engine 'url' needs url, such as http://host:8000/v1")
            if idle := [name for name in _OF_A_START if getattr(self, name) != type(self).model_fields[name].default]:
                raise ValueError(f"{' and '.join(idle)}: no effect on an engine that runs already; leave out")
        elif self.url:
            raise ValueError(
                f"url is for an engine that runs already: give engine: url, or leave url out to start {self.engine}"
            )
        elif not self.model.strip():
            raise ValueError(
                f"model: engine {self.engine!r} needs one: a folder, a name on the Hugging Face hub, or infraray"
            )
        if self.command and self.python != sys.executable and not any("{python}" in word for word in self.command):
            raise ValueError("python: has no effect: command does not name {python}; leave it out")
        if not self.python.strip():
            raise ValueError("python: must be the path of an interpreter; leave it out for the one that runs infraray")
        if self.num_gpus is not None and self.num_gpus > 1 and not self.num_gpus.is_integer():
            raise ValueError(f"num_gpus={self.num_gpus:g}: must be a whole number, or a share below 1")
        if self.url:
            check_url(self.url)
        return self

    @property
    def kind(self) -> EngineKind:
        """Its kind of engine.

        Raises:
            UnknownName: nobody has registered that kind.
        """
        return find_engine(self.engine)

    def check(self) -> None:
        """Refuses an unregistered kind, and flags that its kind does not take.

        Not done on reading: a run's own files, which may register kinds, are imported later.

        Raises:
            InfrarayError: one line.
        """
        try:
            self.kind.check_flags(self.flags)
        except ValueError as error:
            raise InfrarayError(f"flags.{error}") from None

    @property
    def identity(self) -> dict[str, Any]:
        """The fields that decide the answers: not the name, nor how many replicas run where, nor a secret's value."""
        given = self.model_dump(mode="json", include={"engine", "model", "flags", "env", "command", "url"})
        shown = {field: without_secrets(value, (field,)) for field, value in given.items() if value}
        own = {"model_sha256": trained.sha256()} if self.model == trained.NAME else {}
        return {**shown, **own, "code": code_sha256(type(self.kind), *self.kind.parts())}

    @property
    def server_flags(self) -> dict[str, Any]:
        """The flags of its servers: with our own model's name, which its folder does not tell."""
        name = self.kind.name_flag
        if self.model != trained.NAME or not name or any(plain_flag(flag) == name for flag in self.flags):
            return self.flags
        return {**self.flags, name: trained.NAME}

    @property
    def served_model(self) -> str:
        """The name by which its servers know the model."""
        for flag, value in self.server_flags.items():
            if plain_flag(flag) == self.kind.name_flag:
                return str(value[0] if isinstance(value, list | tuple) else value)
        return trained.model_folder(self.model)


def read_engine_spec(given: dict[str, Any]) -> EngineSpec:
    """Makes a spec from what a person wrote.

    Raises:
        InfrarayError: one line with the first mistake.
    """
    try:
        spec = EngineSpec.model_validate(given)
        spec.check()
    except ValidationError as error:
        line = explain_validation(error, EngineSpec)[0][1]
        raise InfrarayError(f"engine: {line}") from None
    except InfrarayError as error:
        raise InfrarayError(f"engine: {error}") from None
    return spec
