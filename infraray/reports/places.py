"""A table over all scenarios of each agent's position between floor and bound."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from infraray.reports.report import Report


@dataclass(frozen=True)
class Places:
    """Places by agent and scenario, 0 at the floor, 1 at the bound.

    Args:
        agents: those with a place in at least two scenarios; first those with one in every scenario, by
            their mean place, then the others by name.
        by_scenario: one mapping from agent to place for each scenario of the report.
    """

    agents: tuple[str, ...]
    by_scenario: tuple[Mapping[str, float], ...]

    @property
    def is_worth_showing(self) -> bool:
        """Whether at least two agents meet in more than one scenario."""
        return len(self.agents) > 1

    def of(self, agent: str) -> list[float]:
        """The agent's place in each scenario; NaN if it has none."""
        return [places.get(agent, math.nan) for places in self.by_scenario]

    def mean(self, agent: str) -> float:
        """Mean place over all scenarios, NaN for an agent without a place in each."""
        places = self.of(agent)
        return sum(places) / len(places)


def places_of(report: Report) -> Places:
    """Collects the places of a report."""
    by_scenario = tuple(
        {row.agent: row.place.value for row in scenario.leaderboard.rows} for scenario in report.scenarios
    )
    counts = Counter(agent for places in by_scenario for agent in places)
    agents = [agent for agent, count in counts.items() if count > 1]
    unordered = Places((), by_scenario)

    def order(agent: str) -> tuple[bool, float, str]:
        mean = unordered.mean(agent)
        return math.isnan(mean), 0.0 if math.isnan(mean) else -mean, agent

    return Places(tuple(sorted(agents, key=order)), by_scenario)
