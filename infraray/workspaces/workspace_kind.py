"""The kinds of agents that work in a workspace: what they are made of besides a scaffold."""

from __future__ import annotations

import importlib.util
from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from infraray.agents.kind import AgentKind
from infraray.engines.base_url import check_url
from infraray.errors import InfrarayError
from infraray.workspaces.door import find_door
from infraray.workspaces.options import WorkspaceOptions
from infraray.workspaces.scaffolds.scaffold import Scaffold

if TYPE_CHECKING:
    from infraray.agents.chat.endpoints import ServedModel
    from infraray.workspaces.agent import WorkspaceAgent


class WorkspaceKind(AgentKind):
    """Models that are already being served; the options are `WorkspaceOptions`, and those of the scenario's door."""

    package = "aiohttp"
    install = "pip install 'infraray[workspaces]'"
    asks_a_model = True

    @abstractmethod
    def served(self, target: str, options: dict[str, Any]) -> tuple[str, str]:
        """The model's name, and its server's base URL, with ``/v1``.

        Args:
            target: of the spec.
            options: by name; those that are read here are taken out.

        Raises:
            InfrarayError: they are not given.
        """

    @abstractmethod
    def scaffold(self, target: str, options: WorkspaceOptions) -> Scaffold:
        """The program around the model.

        Raises:
            InfrarayError: the target names none.
        """

    def make(
        self, target: str, options: Mapping[str, Any], scenario: str, engines: Mapping[str, ServedModel]
    ) -> WorkspaceAgent:
        """Makes an agent.

        Raises:
            InfrarayError: one line for every option that is missing, unknown or wrong.
        """
        whose = self.whose(target)
        if importlib.util.find_spec("aiohttp") is None:
            raise InfrarayError(f"{whose}: needs aiohttp; {self.install}")
        from infraray.workspaces.agent import WorkspaceAgent

        given = dict(options)
        model, base_url = self.served(target, given)
        try:
            check_url(base_url)
        except ValueError as error:
            raise InfrarayError(f"{whose}: base_{error}") from None
        door = find_door(scenario)
        own = {name: str(given.pop(name)) for name in door.settings if name in given}
        general = WorkspaceOptions.parse(whose, given)
        return WorkspaceAgent(self.scaffold(target, general), model, base_url, general, own, door)

    def whose(self, target: str) -> str:
        """The start of an error's line."""
        return f"agent {self.name}:{target}"
