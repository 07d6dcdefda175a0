"""What is searched for: an objective measures configurations.

Where it comes from: the scenario that a study names is registered with a subclass of `Objective`, which
is made from a `SearchRequest`. The one that every scenario has unless it names its own plays
episodes with agents that have parameters (`infraray.tune.episodes`).

What becomes of it: a study sends the objective to the actors that run its trials, one objective an
actor, and calls `Objective.evaluate` there again and again; what the objective started, such as a
server that the next configuration can use again, it keeps until `Objective.close`. The order is

1. `Objective.prepare` for each of the `Objective.preparations`;
2. `Objective.warm_up` in each process that will run trials, before the study's clock starts;
3. `Objective.evaluate` for every trial, the space's defaults first;
4. `Objective.confirm` for the best configuration and for the defaults, seed by seed where seeds are
   `Objective.confirmed_apart`, `Objective.confirm_agent` for each agent that the study compares with,
   after the clock has stopped.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from infraray.environment import Score
from infraray.errors import InfrarayError
from infraray.space.search_space import SearchSpace
from infraray.space.values import Configuration
from infraray.statistics.magnitude import mean


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
        evaluation_seeds: seeds on which `Objective.confirm` measures; none of them is among ``seeds``.
        seconds: the study's budget of wall-clock time; None without one.
    """

    scenario: str
    preset: str | None
    parameters: Mapping[str, Any]
    level: int
    agents: tuple[str, ...]
    seeds: tuple[int, ...]
    evaluation_seeds: tuple[int, ...]
    seconds: float | None = None


@dataclass(frozen=True)
class Measurement:
    """What a configuration achieved.

    Args:
        score: in the objective's unit; None where the trial failed.
        samples: the scores that ``score`` is the mean of, one a seed, in the seeds' order; may be empty.
        metrics: further figures by name, with the unit in the name.
        failure: the class of the failure, such as ``server start failed``; None where there is none.
        reason: the failure's reason in one line.
    """

    score: float | None
    samples: tuple[float, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    failure: str | None = None
    reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**vars(self), "samples": list(self.samples), "metrics": dict(self.metrics)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Measurement:
        """Reads what `to_json` wrote."""
        return cls(**{**data, "samples": tuple(data["samples"])})


class Objective(ABC):
    """Measures configurations of a space. It is pickled before its first use, not after.

    A measurement depends on the configuration, the budget and `identity` alone (but for noise): a
    configuration that was measured is not measured again.

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

    alone_on_devices: ClassVar[bool] = False
    """Whether trials side by side on the same devices would measure each other."""

    budget_unit: str
    """What a trial's budget counts, such as ``episodes`` or ``requests``."""

    min_budget: int
    """The smallest budget that says something about a configuration."""

    max_budget: int
    """The budget of a full measurement."""

    @abstractmethod
    def __init__(self, request: SearchRequest) -> None: ...

    @abstractmethod
    def identity(self) -> Mapping[str, Any]:
        """Everything else that a measurement depends on, as plain data: the scenario, seeds, files by hash."""

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

    @abstractmethod
    def evaluate(self, configuration: Configuration, budget: int) -> Measurement:
        """Measures on the development seeds.

        At the study's deadline `infraray.deadline.TimeLimit` is raised inside, wherever it is, and a
        second later the process is ended. An exception, this one or another, is the trial's failure.

        Args:
            configuration: canonical.
            budget: from ``min_budget`` to ``max_budget``, in ``budget_unit``.
        """

    @abstractmethod
    def confirm(self, configuration: Configuration) -> Measurement:
        """Measures with the full budget on the evaluation seeds, from a clean start."""

    confirmed_apart: Sequence[int] = ()
    """The evaluation seeds where `confirm_seed` measures one at a time, so that several can be measured side by side
    and a kill loses one; empty where `confirm` measures them together."""

    def confirm_seed(self, configuration: Configuration, seed: int) -> Measurement:
        """Measures as `confirm` does, on one of the evaluation seeds."""
        raise NotImplementedError

    def check_agent(self, agent: str) -> None:
        """Refuses an agent that `confirm_agent` cannot measure; is called before the study begins.

        Raises:
            InfrarayError: there is no such agent, or none can be compared with configurations.
        """
        raise InfrarayError(f"{agent}: {self.space.id} cannot be compared with agents; leave it out")

    def agent_identity(self, agent: str) -> Mapping[str, Any]:
        """What an agent's measurement depends on and `identity` does not hold, as plain data; its file is known."""
        return {}

    def confirm_agent(self, agent: str) -> Measurement:
        """Measures an agent as `confirm` measures a configuration, for the table that both stand in."""
        raise NotImplementedError

    def close(self) -> None:  # noqa: B027 (many objectives own nothing)
        """Ends what `evaluate` and `confirm` started; is called once, at the end, also after a failure."""


def joined(measurements: Sequence[Measurement]) -> Measurement:
    """The measurement on all seeds of one on each: means, and the first failure."""
    scores = [one.score for one in measurements if one.score is not None]
    figures: dict[str, list[float]] = {}
    for one in measurements:
        for name, value in one.metrics.items():
            figures.setdefault(name, []).append(value)
    failed = next((one for one in measurements if one.failure is not None), None)
    return Measurement(
        mean(scores) if len(scores) == len(measurements) else None,
        tuple(sample for one in measurements for sample in one.samples),
        {name: mean(values) for name, values in figures.items()},
        failure=None if failed is None else failed.failure,
        reason=None if failed is None else failed.reason,
    )
