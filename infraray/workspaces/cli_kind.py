"""``cli:codex?model=MODEL&base_url=BASE_URL``: a coding agent of the command line, or ``cli:COMMAND``, any program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from infraray.agents.kind import AgentKind
from infraray.engines.base_url import check_url
from infraray.errors import InfrarayError, did_you_mean
from infraray.workspaces.agent import WorkspaceAgent, make_agent
from infraray.workspaces.scaffolds.command import Command
from infraray.workspaces.scaffolds.scaffold import find_scaffold, scaffolds

if TYPE_CHECKING:
    from infraray.agents.chat.endpoints import ServedModel


class CliKind(AgentKind):
    """Scaffolds by name, else commands; the options are `WorkspaceOptions`, the model and its server's base URL."""

    package = "aiohttp"
    install = "pip install 'infraray[workspaces]'"
    asks_a_model = True

    def make(
        self, target: str, options: Mapping[str, Any], scenario: str, engines: Mapping[str, ServedModel]
    ) -> WorkspaceAgent:
        """Makes an agent with the scaffold, or the command, that the target names."""
        whose = f"agent {self.name}:{target}"
        given = dict(options)
        model, base_url = given.pop("model", None), given.pop("base_url", None)
        if not isinstance(model, str) or not isinstance(base_url, str):
            missing = "model" if not isinstance(model, str) else "base_url"
            raise InfrarayError(
                f"{whose}: {missing} is not given; write {self.name}:{target}?model=MODEL&base_url=http://HOST:8000/v1"
            )
        try:
            check_url(base_url)
        except ValueError as error:
            raise InfrarayError(f"{whose}: base_{error}") from None
        scaffold = find_scaffold(target) if target in scaffolds else Command(target)
        if isinstance(scaffold, Command) and (problem := scaffold.problem()) is not None:
            raise InfrarayError(f"{whose}: {problem}; scaffolds: {did_you_mean(target, scaffolds)}")
        return make_agent(whose, scaffold, model, base_url, given, scenario)

    def provider(self, target: str) -> str:
        """Whatever the server is, it is asked in OpenAI's protocols or Anthropic's."""
        return "anthropic" if target == "claude-code" else "openai"
