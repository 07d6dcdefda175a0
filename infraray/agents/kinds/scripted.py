"""``scripted:join_shortest_queue``: an agent that is registered for the scenario, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from infraray.agents.agent import Agent, find_agent, registered_agents
from infraray.agents.construction import construct
from infraray.agents.kind import AgentKind
from infraray.registration import find
from infraray.user_code import guarded

if TYPE_CHECKING:
    from infraray.agents.chat.endpoints import ServedModel


class Scripted(AgentKind):
    """Agents that a scenario's baselines and the user's files register."""

    def make(self, target: str, options: Mapping[str, Any], scenario: str, engines: Mapping[str, ServedModel]) -> Agent:
        """Instantiates the registered class with the options."""
        registration = find(scenario)
        with guarded(f"scenario {registration.name}"):
            registration.import_baselines()
        found = find_agent(target, registration.name)
        return construct(f"agent {self.name}:{target}", found, options)

    def targets(self, scenario: str) -> list[str]:
        """The registered names."""
        registration = find(scenario)
        registration.import_baselines()
        return list(registered_agents(registration.name))
