"""A selection of a run's stored episodes, by agent and scenario."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from infraray.errors import InfrarayError
from infraray.trajectories.reader import Run


@dataclass(frozen=True)
class Selection:
    """The episodes that are wanted.

    Args:
        agent: a pattern with ``*`` and ``?`` that the agent's spec must match; None for all.
        scenario: the run's label of the scenario; None for all.
    """

    agent: str | None = None
    scenario: str | None = None

    def wants(self, row: Mapping[str, Any]) -> bool:
        """Whether an episode is selected."""
        if self.scenario is not None and row["scenario_label"] != self.scenario:
            return False
        return self.agent is None or row["agent"] == self.agent or fnmatchcase(row["agent"], self.agent)

    def check(self, run: Run) -> None:
        """Refuses a selection that no episode of the run can match.

        Raises:
            InfrarayError: one line with what the run holds.
        """
        scenarios = run.manifest.scenarios
        if self.scenario is not None and self.scenario not in scenarios:
            raise InfrarayError(f"{run.path}: has no scenario {self.scenario!r}; it has {', '.join(scenarios)}")
        agents = sorted({agent for found in scenarios.values() for agent in found.agents})
        labels = [self.scenario] if self.scenario is not None else list(scenarios)
        if not any(
            self.wants({"agent": agent, "scenario_label": label})
            for label in labels
            for agent in scenarios[label].agents
        ):
            raise InfrarayError(f"{run.path}: no agent matches {self.agent!r}; the run has {', '.join(agents)}")
