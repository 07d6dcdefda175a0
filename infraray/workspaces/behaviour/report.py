"""The behaviour of a run's agents: episode by episode, and for each agent on each scenario."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

from infraray.errors import InfrarayError
from infraray.trajectories.episode_reader import read_episodes
from infraray.trajectories.planned import PlannedEpisodes
from infraray.trajectories.reader import Run
from infraray.trajectories.stored_episode import StoredEpisode
from infraray.workspaces.behaviour.behaviour import Behaviour, behaviour_of
from infraray.workspaces.door import Door, find_door


@dataclass(frozen=True)
class AgentBehaviour:
    """All episodes of one agent on one scenario, at least one.

    Args:
        scenario: the run's label.
        agent: its spec.
        episodes: in the order in which they are stored.
    """

    scenario: str
    agent: str
    episodes: Sequence[Behaviour]

    def median_of(self, name: str) -> float:
        """The median of a figure over the episodes in which it is known; NaN if there are none."""
        known = [float(value) for value in self._values(name) if not math.isnan(value)]
        return median(known) if known else math.nan

    def mean_of(self, name: str) -> float:
        """The mean, likewise."""
        known = [float(value) for value in self._values(name) if not math.isnan(value)]
        return mean(known) if known else math.nan

    @property
    def unchanged_share(self) -> float:
        """The share of relaunches that changed nothing; NaN without a relaunch."""
        again = sum(max(0, one.attempts - 1) for one in self.episodes)
        return sum(one.unchanged for one in self.episodes) / again if again else math.nan

    @property
    def idle_share(self) -> float:
        """The share of the time in which no scaffold ran."""
        whole = sum(one.whole_s for one in self.episodes)
        return sum(one.activity.idle_s for one in self.episodes) / whole if whole else math.nan

    @property
    def cost_per_score(self) -> float:
        """What one unit of score costs: the mean cost over the mean score; NaN without prices or without a gain."""
        score, cost = self.mean_of("score"), self.mean_of("cost")
        return cost / score if score > 0 else math.nan

    def share_of(self, technique: str, where: str) -> float:
        """The share of the episodes in which a technique was ``named`` or ``used``."""
        return mean(technique in getattr(one, where) for one in self.episodes)

    @property
    def techniques(self) -> list[str]:
        """Those that were named or used at all."""
        return sorted({name for one in self.episodes for name in one.named | one.used})

    @property
    def failures(self) -> Counter[str]:
        """Failures by class."""
        return sum((one.failures for one in self.episodes), Counter())

    @property
    def ends(self) -> Counter[str]:
        """Reasons for the end."""
        return Counter(one.ended for one in self.episodes)

    def _values(self, name: str) -> Iterator[float]:
        for one in self.episodes:
            yield float(getattr(one, name))


def behaviours(run_dir: str | Path) -> list[Behaviour]:
    """The behaviour in each episode of a run that was played in a workspace.

    Raises:
        InfrarayError: the folder holds no run, or none of its episodes was played in a workspace.
    """
    run = Run(run_dir)
    planned = PlannedEpisodes(run.manifest.scenarios)
    found: list[Behaviour] = []
    doors: dict[str, type[Door]] = {}
    for row, steps in read_episodes(run, numbers=False):
        label = planned.label(row)
        if label is None:
            continue
        if row["scenario"] not in doors:
            doors[row["scenario"]] = find_door(row["scenario"])
        episode = StoredEpisode({**row, "scenario_label": label}, steps.read())
        one = behaviour_of(episode, doors[row["scenario"]])
        if one is not None:
            found.append(one)
    if not found:
        raise InfrarayError(
            f"{run_dir}: no episode was played in a workspace; agents of the kinds shell and cli do that"
        )
    return found


def summaries(found: Iterable[Behaviour]) -> list[AgentBehaviour]:
    """The episodes put together by scenario and agent, in the order in which they first appear."""
    groups: dict[tuple[str, str], list[Behaviour]] = {}
    for one in found:
        groups.setdefault((one.scenario, one.agent), []).append(one)
    return [AgentBehaviour(scenario, agent, episodes) for (scenario, agent), episodes in groups.items()]
