"""The course of a probe of one agent: survey, search, confirmation.

1. The *survey* draws tasks uniformly. Its mean loss is the agent's overall one, and where it failed is a first guess.
2. The *search* goes on in rounds, each drawn by the sampler from all that was played.
3. The regions that stand out are fixed, and each is *confirmed* on fresh tasks, drawn uniformly inside.

A region breaks the agent only if its interval from the confirmation lies above the whole interval of the overall loss.
No task that led to a region has a part in its interval, and the intervals of an agent hold together: half of the 5 %
goes to the overall loss, the other half in equal parts to its regions (Bonferroni). So of 100 agents without a
weakness, at most 5 are said to have one, however many regions the search has looked at.

Which rounds follow is a function of the probe's seed and of what was played.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from infraray.curriculum.finding import MOST_REGIONS, Played, find_regions
from infraray.curriculum.regions import Region
from infraray.curriculum.samplers import Sampler
from infraray.curriculum.tasks import DrawnTask, TaskSpace
from infraray.statistics.bounded_mean import bounded_mean
from infraray.statistics.intervals import Estimate

SEARCH_ROUNDS = 5

MISTAKES = 0.05
"""The most probable share of agents of which any interval is wrong."""

Phase = Literal["survey", "search", "confirmation"]


@dataclass(frozen=True)
class Effort:
    """How many tasks each part of a probe plays.

    Args:
        survey: in the survey.
        round: in each round of the search.
        confirmation: in the confirmation of each region.
    """

    survey: int
    round: int
    confirmation: int

    @classmethod
    def of(cls, episodes: int) -> Effort:
        """The parts of an agent's episodes: a quarter, three eighths, and three eighths for three regions."""
        search = 3 * episodes // 8
        return cls(episodes // 4, search // SEARCH_ROUNDS, search // MOST_REGIONS)


@dataclass(frozen=True)
class Round:
    """Tasks that are played together.

    Args:
        phase: which part of the probe.
        tasks: the tasks.
        region: what is confirmed; None in the other phases.
    """

    phase: Phase
    tasks: tuple[DrawnTask, ...]
    region: Region | None = None


@dataclass(frozen=True)
class RegionVerdict:
    """A region, and how the agent fares there.

    Args:
        region: the region.
        loss: the agent's mean loss on fresh tasks of it.
        breaks: whether it is above the agent's overall loss, interval against interval.
    """

    region: Region
    loss: Estimate
    breaks: bool


@dataclass(frozen=True)
class AgentVerdict:
    """What a probe has found about an agent.

    Args:
        overall: its mean loss over all tasks.
        regions: those that were confirmed, in the order in which they stood out.
    """

    overall: Estimate
    regions: tuple[RegionVerdict, ...]


Outcomes = Sequence[Sequence[float | None]]
"""For each round the losses of its tasks; None for a task that has none, since nothing was to be gained there."""


class Probing:
    """The rounds of one agent.

    Args:
        tasks: what may be drawn.
        sampler: draws the search.
        effort: the number of tasks.
        seed: the probe's.
        agent: sets the agent's draws apart from those of others; the survey is the same for all.
        before: what it has played elsewhere, which guides the search and is part of no interval.
    """

    def __init__(
        self, tasks: TaskSpace, sampler: Sampler, effort: Effort, seed: int, agent: str, before: Sequence[Played] = ()
    ) -> None:
        self.tasks = tasks
        self.sampler = sampler
        self.effort = effort
        self.seed = seed
        self.agent = agent
        self.before = before

    def next_rounds(self, rounds: Sequence[Round], outcomes: Outcomes) -> list[Round]:
        """The rounds that follow; none if the probe is complete.

        Args:
            rounds: all so far, in order; each has been played.
            outcomes: what became of them.

        Raises:
            InfrarayError: the scenario refuses every setting of the knobs.
        """
        if not rounds:
            random = Random(f"probe/{self.seed}/survey")
            return [Round("survey", tuple(self._drawn(random, self.effort.survey)))]
        if rounds[-1].phase == "confirmation":
            return []
        played, overall = [*self.before, *played_in(rounds, outcomes)], _overall(rounds, outcomes)
        if len(rounds) <= SEARCH_ROUNDS and self.effort.round:
            random = Random(f"probe/{self.seed}/search/{len(rounds)}/{self.agent}")
            proposed = self.sampler.propose(self.tasks, played, overall.value, random, self.effort.round)
            return [Round("search", tuple(proposed))]
        return [
            Round("confirmation", tuple(tasks), region)
            for number, region in enumerate(find_regions(played, overall.value))
            if (tasks := self._drawn(self._random_of(number), self.effort.confirmation, region))
        ]

    def _random_of(self, number: int) -> Random:
        return Random(f"probe/{self.seed}/confirmation/{number}/{self.agent}")

    def _drawn(self, random: Random, count: int, region: Region | None = None) -> list[DrawnTask]:
        """Tasks drawn uniformly; none if the region has hardly any."""
        drawn: list[DrawnTask] = []
        for _ in range(count):
            task = self.tasks.draw(random, region)
            if task is None:
                return []
            drawn.append(task)
        return drawn


def played_in(rounds: Sequence[Round], outcomes: Outcomes) -> list[Played]:
    """The tasks of all rounds that have a loss."""
    return [
        Played(task.features, loss)
        for one, losses in zip(rounds, outcomes, strict=True)
        for task, loss in zip(one.tasks, losses, strict=True)
        if loss is not None
    ]


def judge(rounds: Sequence[Round], outcomes: Outcomes) -> AgentVerdict:
    """The verdict on an agent whose rounds have been played."""
    overall = _overall(rounds, outcomes)
    confirmed = [place for place, one in enumerate(rounds) if one.phase == "confirmation"]
    verdicts = []
    for place in confirmed:
        region = rounds[place].region
        assert region is not None
        loss = bounded_mean(_scored(outcomes[place]), 1 - MISTAKES / 2 / len(confirmed))
        verdicts.append(RegionVerdict(region, loss, loss.low > overall.high))
    return AgentVerdict(overall, tuple(verdicts))


def _overall(rounds: Sequence[Round], outcomes: Outcomes) -> Estimate:
    surveyed = [losses for one, losses in zip(rounds, outcomes, strict=True) if one.phase == "survey"]
    return bounded_mean([loss for losses in surveyed for loss in _scored(losses)], 1 - MISTAKES / 2)


def _scored(losses: Sequence[float | None]) -> list[float]:
    return [loss for loss in losses if loss is not None]
