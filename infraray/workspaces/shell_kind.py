"""``shell:MODEL@BASE_URL``: our own small agent with a shell, in a workspace."""

from __future__ import annotations

from typing import Any

from infraray.errors import InfrarayError
from infraray.workspaces.options import WorkspaceOptions
from infraray.workspaces.scaffolds.shell import Shell
from infraray.workspaces.workspace_kind import WorkspaceKind


class ShellKind(WorkspaceKind):
    """The target names the model and its server."""

    def served(self, target: str, options: dict[str, Any]) -> tuple[str, str]:
        """The target's two parts."""
        model, _, base_url = target.rpartition("@")
        if not model:
            raise InfrarayError(
                f"{self.whose(target)}: must be {self.name}:MODEL@BASE_URL, as in "
                f"{self.name}:Qwen/Qwen3-8B@http://localhost:8000/v1"
            )
        return model, base_url

    def scaffold(self, target: str, options: WorkspaceOptions) -> Shell:
        """Our own."""
        return Shell(options.max_tokens, options.command_s)

    def provider(self, target: str) -> str:
        """Anything that speaks OpenAI's protocol."""
        return "openai"
