"""What is searched for: an objective measures configurations.

A study sends the objective to the actors that run its trials, one objective an actor, and calls
`Objective.evaluate` there again and again; what the objective started, such as a server that the
next configuration can use again, it keeps until `Objective.close`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infraray.environment import Score
from infraray.tune.space import SearchSpace
from infraray.tune.values import Configuration


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
    """

    space: SearchSpace
    """What may be set."""

    score: Score
    """What is measured, its unit, and which way is better."""

    budget_unit: str
    """What a trial's budget counts, such as ``episodes`` or ``requests``."""

    min_budget: int
    """The smallest budget that says something about a configuration."""

    max_budget: int
    """The budget of a full measurement."""

    @abstractmethod
    def identity(self) -> Mapping[str, Any]:
        """Everything else that a measurement depends on, as plain data: the scenario, seeds, files by hash."""

    @abstractmethod
    def evaluate(self, configuration: Configuration, budget: int) -> Measurement:
        """Measures on the development seeds.

        At the study's deadline `infraray.deadline.TimeLimit` is raised inside, wherever it is; an
        exception, this one or another, is the trial's failure.

        Args:
            configuration: canonical.
            budget: from ``min_budget`` to ``max_budget``, in ``budget_unit``.
        """

    @abstractmethod
    def confirm(self, configuration: Configuration) -> Measurement:
        """Measures with the full budget on the evaluation seeds, from a clean start."""

    def close(self) -> None:  # noqa: B027 (many objectives own nothing)
        """Ends what `evaluate` and `confirm` started; is called once, at the end, also after a failure."""
