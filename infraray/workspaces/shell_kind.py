"""``shell:MODEL@BASE_URL``: our own small agent with a shell, in a workspace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from infraray.agents.kind import AgentKind
from infraray.engines.base_url import check_url
from infraray.errors import InfrarayError
from infraray.workspaces.agent import WorkspaceAgent, make_agent
from infraray.workspaces.options import WorkspaceOptions
from infraray.workspaces.scaffolds.shell import Shell

if TYPE_CHECKING:
    from infraray.agents.chat.endpoints import ServedModel


class ShellKind(AgentKind):
    """Models that are already being served; the options are `WorkspaceOptions`."""

    package = "aiohttp"
    install = "pip install 'infraray[workspaces]'"
    asks_a_model = True

    def make(
        self, target: str, options: Mapping[str, Any], scenario: str, engines: Mapping[str, ServedModel]
    ) -> WorkspaceAgent:
        """Makes an agent on the server that the target names."""
        whose = f"agent {self.name}:{target}"
        model, _, base_url = target.rpartition("@")
        if not model:
            raise InfrarayError(
                f"{whose}: must be {self.name}:MODEL@BASE_URL, as in {self.name}:Qwen/Qwen3-8B@http://localhost:8000/v1"
            )
        try:
            check_url(base_url)
        except ValueError as error:
            raise InfrarayError(f"{whose}: {error}") from None
        agent = make_agent(whose, Shell(), model, base_url, options, scenario)
        given: WorkspaceOptions = agent.options
        agent.scaffold = Shell(given.max_tokens, given.command_s)
        return agent

    def provider(self, target: str) -> str:
        """Anything that speaks OpenAI's protocol."""
        return "openai"
