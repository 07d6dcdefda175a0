"""The options of an agent in a workspace, as given in a spec's query."""

from __future__ import annotations

from pydantic import Field, field_validator

from infraray.engines.base_url import check_url
from infraray.errors import did_you_mean
from infraray.parameters import Parameters
from infraray.workspaces.prompts import PROMPTS

GIB = 2**30


class WorkspaceOptions(Parameters):
    """The budget of a run, its limits, and the way to its model."""

    time_s: float | None = Field(
        None, gt=0, le=604_800, description="wall-clock seconds; by default those of the scenario, or 1800"
    )
    tokens: int | None = Field(None, ge=1, description="tokens both ways, side calls included; no limit if None")
    prompt: str = Field("default", description="what it is told of how to work: default or structured")
    memory_gb: float = Field(8.0, ge=0.1, le=4096, description="GiB of memory of all its processes and files in /tmp")
    processes: int = Field(512, ge=16, le=100_000, description="processes and threads at a time")
    disk_gb: float = Field(20.0, ge=0.01, le=10_000, description="GiB in its workspace and its HOME together")
    context_tokens: int | None = Field(None, ge=1024, description="the model's context, for scaffolds that ask")
    max_tokens: int = Field(2048, ge=16, description="tokens of one answer of shell:")
    command_s: int = Field(600, ge=1, le=86_400, description="seconds of one command of shell:")
    prices: str | None = Field(None, description="YAML or JSON file: model to input_per_million, output_per_million")
    request_timeout_s: float = Field(600.0, gt=0, description="seconds without a byte from the model's server")
    patience_s: float = Field(1800.0, ge=0, description="seconds to wait for a server that takes no request")
    packages: str = Field("", description="URL of a package index that it may install from; by default none")
    api_key_env: str = Field("OPENAI_API_KEY", description="environment variable that holds the server's key")

    @field_validator("packages")
    @classmethod
    def _a_url(cls, value: str) -> str:
        if value:
            check_url(value, "https://pypi.org/simple")
        return value

    @field_validator("prompt")
    @classmethod
    def _known_prompt(cls, value: str) -> str:
        if value not in PROMPTS:
            raise ValueError(f"no such prompt; {did_you_mean(value, PROMPTS)}")
        return value
