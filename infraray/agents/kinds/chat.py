"""``chat:MODEL@BASE_URL``: a language model behind an OpenAI-compatible server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infraray.agents.chat import ChatAgent, ServedModel
from infraray.agents.kind import AgentKind
from infraray.engines.base_url import check_url
from infraray.errors import InfrarayError


class Chat(AgentKind):
    """Models that are already being served; the options are `ChatOptions`."""

    package = "openai"
    install = "pip install 'infraray[chat]'"
    asks_a_model = True

    def make(
        self, target: str, options: Mapping[str, Any], scenario: str, engines: Mapping[str, ServedModel]
    ) -> ChatAgent:
        """Makes an agent on the server that the target names."""
        model, _, base_url = target.rpartition("@")
        if not model or not base_url.startswith(("http://", "https://")):
            raise InfrarayError(
                f"agent {self.name}:{target}: must be {self.name}:MODEL@BASE_URL, "
                f"as in {self.name}:Qwen/Qwen3-8B@http://localhost:8000/v1"
            )
        try:
            check_url(base_url)
        except ValueError as error:
            raise InfrarayError(f"agent {self.name}:{target}: {error}") from None
        return ChatAgent(model, base_url, **options)

    def provider(self, target: str) -> str:
        """Anything that speaks OpenAI's protocol."""
        return "openai"
