"""The options of a chat agent, as given in a spec's query."""

from __future__ import annotations

import re

from pydantic import Field, field_validator, model_validator

from infraray.agents.chat.memory import MEMORIES
from infraray.agents.chat.strategies import strategies
from infraray.agents.chat.tools import tools
from infraray.errors import did_you_mean
from infraray.parameters import Parameters

MAX_TOOL_CALLS = 4


class ChatOptions(Parameters):
    """The way in which a model is asked."""

    strategy: str = Field("zero_shot", description="how the model is led to an answer; see `strategies`")
    memory: str = Field("all", description="what it is shown of earlier steps: all, last:K or summary")
    context_tokens: int | None = Field(None, ge=64, description="the model's context; asked from the server if None")
    max_tokens: int = Field(512, ge=1, description="tokens that one answer may have")
    temperature: float = Field(0.0, ge=0.0, le=2.0, description="sampling temperature")
    tools: str = Field("", description="tools of strategy react, separated by commas")
    max_tool_calls: int = Field(MAX_TOOL_CALLS, ge=0, le=100, description="tool calls within one step")
    examples: int | None = Field(None, ge=1, le=100, description="examples of strategy few_shot, 3 by default")
    logprobs: bool = Field(False, description="keep the tokens with their log-probabilities, to train from")
    prices: str | None = Field(None, description="YAML or JSON file: model to input_per_million, output_per_million")
    cache: str | None = Field(None, description="folder that keeps answers, so that a re-run makes no request")
    request_timeout_s: float = Field(300.0, gt=0, description="seconds for one request")
    max_retries: int = Field(8, ge=0, le=1000, description="repetitions of a request that failed")
    patience_s: float = Field(1800.0, ge=0, description="seconds to wait for a server that takes no request")
    concurrency: int | None = Field(
        None, ge=1, description="most requests at once at the server; what it takes if None"
    )
    api_key_env: str = Field("OPENAI_API_KEY", description="environment variable that holds the key")

    @field_validator("strategy")
    @classmethod
    def _known_strategy(cls, value: str) -> str:
        if value not in strategies:
            raise ValueError(f"no such strategy; {did_you_mean(value, strategies)}")
        return value

    @field_validator("memory")
    @classmethod
    def _known_memory(cls, value: str) -> str:
        if not re.fullmatch(r"all|summary|last:\d{1,6}", value):
            raise ValueError(f"must be {', '.join(MEMORIES[:-1])} or {MEMORIES[-1]}, as in last:4")
        return value

    @field_validator("tools")
    @classmethod
    def _known_tools(cls, value: str) -> str:
        for name in tool_names(value):
            if name not in tools:
                raise ValueError(f"no tool {name.encode('utf-8', 'replace').decode()}; {did_you_mean(name, tools)}")
        return value

    @model_validator(mode="after")
    def _fit_together(self) -> ChatOptions:
        takers = [name for name, found in strategies.items() if found.takes_tools]
        of_tools = {"tools": "", "max_tool_calls": MAX_TOOL_CALLS}
        for name, default in of_tools.items() if self.strategy not in takers else ():
            if (value := getattr(self, name)) != default:
                raise ValueError(f"{name}={value!r}: strategy {self.strategy} has no use for tools; take {takers[0]}")
        if self.examples is not None and not strategies[self.strategy].default_examples:
            raise ValueError(f"examples={self.examples}: strategy {self.strategy} shows none; take few_shot")
        return self


def tool_names(listed: str) -> list[str]:
    """The names in a list with commas."""
    return [name.strip() for name in listed.split(",") if name.strip()]
