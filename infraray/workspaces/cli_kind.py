"""``cli:codex?model=MODEL&base_url=BASE_URL``: a coding agent of the command line, or ``cli:COMMAND``, any program."""

from __future__ import annotations

from typing import Any

from infraray.errors import InfrarayError, did_you_mean
from infraray.workspaces.options import WorkspaceOptions
from infraray.workspaces.scaffolds.command import Command
from infraray.workspaces.scaffolds.scaffold import Scaffold, find_scaffold, scaffolds
from infraray.workspaces.workspace_kind import WorkspaceKind


class CliKind(WorkspaceKind):
    """Scaffolds by name, else commands; the model and its server's base URL are options."""

    def served(self, target: str, options: dict[str, Any]) -> tuple[str, str]:
        """The options ``model`` and ``base_url``."""
        model, base_url = options.pop("model", None), options.pop("base_url", None)
        if not isinstance(model, str) or not isinstance(base_url, str):
            missing = "model" if not isinstance(model, str) else "base_url"
            raise InfrarayError(
                f"{self.whose(target)}: {missing} is not given; write "
                f"{self.name}:{target}?model=MODEL&base_url=http://HOST:8000/v1"
            )
        return model, base_url

    def scaffold(self, target: str, options: WorkspaceOptions) -> Scaffold:
        """The one that the target names, or a command."""
        if target in scaffolds:
            return find_scaffold(target)
        command = Command(target)
        if (problem := command.problem()) is not None:
            raise InfrarayError(f"{self.whose(target)}: {problem}; scaffolds: {did_you_mean(target, scaffolds)}")
        return command

    def provider(self, target: str) -> str:
        """Whatever the server is, it is asked in OpenAI's protocols or Anthropic's."""
        return "anthropic" if target == "claude-code" else "openai"
