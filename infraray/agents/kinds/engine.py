"""``engine:NAME``: a model that an engine of the run's ``engines`` serves, or ``engine:vllm:/path/to/model``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infraray.agents.chat import ChatAgent, ServedModel
from infraray.agents.kind import AgentKind
from infraray.errors import UnknownName, did_you_mean


class Engine(AgentKind):
    """Models that the run serves itself; the options are `ChatOptions`."""

    package = "openai"
    install = "pip install 'infraray[chat]'"
    asks_a_model = True
    needs_engine = True

    def make(
        self, target: str, options: Mapping[str, Any], scenario: str, engines: Mapping[str, ServedModel]
    ) -> ChatAgent:
        """Makes an agent on the engine's servers."""
        if target not in engines:
            hint = did_you_mean(target, engines) if engines else "the run has no section 'engines'"
            raise UnknownName(f"agent {self.name}:{target}: no such engine; {hint}")
        served = engines[target]
        return ChatAgent(served.model, served.endpoints, **options)

    def provider(self, target: str) -> str:
        """The engine's kind, or its name in the run."""
        return target.partition(":")[0]
