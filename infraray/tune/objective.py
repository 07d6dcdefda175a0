"""What is searched for: an objective measures configurations, by episodes.

Where it comes from: the scenario that a study names is registered with a subclass of `Objective`, which
is made from a `SearchRequest`. The one that every scenario has unless it names its own has agents play
that have parameters (`infraray.tune.episodes`); one that measures configurations itself, such as the
launch of a server, is an `infraray.tune.measured.MeasuredObjective`.

What becomes of it: a trial is a list of episodes, one a seed, of the same `Entry`; so are the
configurations and agents on the evaluation seeds. They are collected like every run's, and only those
that are owed are played. A study sends the objective to the actors that run its trials, one objective an
actor, and calls `Objective.play` there again and again; what the objective started, such as a server
that the next configuration can use again, it keeps until `Objective.close`. The order is

1. `Objective.prepare` for each of the `Objective.preparations`;
2. `Objective.warm_up` in each process that will run trials, before the study's clock starts;
3. the episodes of every trial, the space's defaults first;
4. after the clock has stopped, those on the evaluation seeds: of the best configuration, of the defaults,
   and of each agent that the study compares with.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from infraray.environment import Environment, Score
from infraray.episodes import Entry, EpisodeSpec, Trajectory
from infraray.errors import InfrarayError
from infraray.registration import find
from infraray.space.search_space import SearchSpace
from infraray.space.values import Configuration


@dataclass(frozen=True)
class SearchRequest:
    """What a study's file says about what is measured.

    Args:
        scenario: its registered id.
        preset: name of a set of parameters; None without one.
        parameters: the scenario's own, as given.
        level: the difficulty.
        agents: specs of the agents whose parameters are searched; empty where the scenario itself
            has what is searched.
        seeds: development seeds, on which trials are measured.
        evaluation_seeds: seeds on which the result is confirmed; none of them is among ``seeds``.
        seconds: the study's budget of wall-clock time; None without one.
        imported: the user's files that register scenarios or agents, as {path: SHA-256}.
    """

    scenario: str
    preset: str | None
    parameters: Mapping[str, Any]
    level: int
    agents: tuple[str, ...]
    seeds: tuple[int, ...]
    evaluation_seeds: tuple[int, ...]
    seconds: float | None = None
    imported: Mapping[str, str] = field(default_factory=dict)


class Objective(ABC):
    """Measures configurations of a space. It is pickled before its first episode, not after.

    A score depends on the configuration, the budget, the seed and `identity` alone (but for noise): an
    episode that is collected is not played again.

    Args:
        request: what the study asks for.

    Raises:
        InfrarayError: a parameter is wrong, or there is nothing to search.
    """

    search_seeds: ClassVar[tuple[Sequence[int], Sequence[int]]] = (range(20), range(1000, 1020))
    """Development and evaluation seeds of a study that names none."""

    space: SearchSpace
    """What may be set."""

    score: Score
    """What is measured, its unit, and which way is better."""

    seeds: tuple[int, ...]
    """Of the episodes that trials are made of."""

    evaluation_seeds: tuple[int, ...]
    """Of the episodes that count in the end."""

    alone_on_devices: ClassVar[bool] = False
    """Whether trials side by side on the same devices would measure each other."""

    gated: ClassVar[bool] = False
    """Whether a configuration whose episode names a failure has failed though it has a score, as at a gate."""

    answered: ClassVar[bool] = True
    """Whether its episodes are agents' answers, which can be scored again."""

    budget_unit: str
    """What a trial's budget counts, such as ``episodes`` or ``requests``."""

    min_budget: int
    """The smallest budget that says something about a configuration."""

    max_budget: int
    """The budget of a full measurement."""

    def __init__(self, request: SearchRequest) -> None:
        self.request = request
        self.seeds, self.evaluation_seeds = request.seeds, request.evaluation_seeds

    def environment(self) -> Environment:
        """The scenario's, with the study's parameters: what agents play in."""
        request = self.request
        environment_class = find(request.scenario).environment_class()
        return environment_class(preset=request.preset, level=request.level, **request.parameters)

    @abstractmethod
    def identity(self) -> Mapping[str, Any]:
        """Everything else that a score depends on, as plain data: the scenario, seeds, files by hash."""

    @abstractmethod
    def spell(self, configuration: Configuration) -> str:
        """The configuration in one line that a person can use: an agent's spec, an engine's command line."""

    def preparations(self) -> Sequence[str]:
        """What all trials need and takes its time to make, in words, in pieces that may be made side by side."""
        return ()

    def prepare(self, piece: str) -> Sequence[str]:
        """Makes and keeps on disk one of the `preparations`, such as a reference's figures on a seed.

        Returns:
            What the user should know before the search begins, one line each.
        """
        raise NotImplementedError

    warming: str = ""
    """What each process makes for itself before its first trial, in words; empty where that is nothing."""

    def warm_up(self) -> None:
        """Makes it, so that no trial pays for it. What fails here should fail in the trials, and say why there."""
        raise NotImplementedError

    def seeds_within(self, budget: int) -> tuple[int, ...]:
        """The development seeds of a trial with a budget; all, where the budget is of something else."""
        return self.seeds

    @abstractmethod
    def entry(self, configuration: Configuration, budget: int | None) -> Entry:
        """What a configuration's episodes have in common.

        Args:
            configuration: canonical.
            budget: of a trial, from ``min_budget`` to ``max_budget``; None on the evaluation seeds.
        """

    @abstractmethod
    def play(self, specs: Sequence[EpisodeSpec]) -> Iterator[Trajectory]:
        """Plays episodes of one entry that this objective has named.

        At the study's deadline `infraray.deadline.TimeLimit` is raised inside, wherever it is, and a second
        later the process is ended.

        Returns:
            Each as soon as it has ended; one that fails says so, and is taken as it is.
        """

    def check_agent(self, agent: str) -> None:
        """Refuses an agent that cannot be compared with configurations; is called before the study begins.

        Raises:
            InfrarayError: there is no such agent, or none can be compared.
        """
        raise InfrarayError(f"{agent}: {self.space.id} cannot be compared with agents; leave it out")

    def agent_entry(self, agent: str) -> Entry:
        """What an agent's episodes on the evaluation seeds have in common."""
        raise NotImplementedError

    def close(self) -> None:  # noqa: B027 (many objectives own nothing)
        """Ends what playing started; is called once, at the end, also after a failure."""
