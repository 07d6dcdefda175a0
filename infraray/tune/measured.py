"""An objective that measures a configuration itself: each measurement is an episode of one step.

The action is the configuration, the step's extra facts are the figures, the score is the seed's. So a
launch that was measured stands in the same files, tables and exports as the episodes of agents.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from infraray.environment import Measures
from infraray.episodes import Entry, EpisodeSpec, Step, Trajectory, failed_trajectory
from infraray.errors import InfrarayError
from infraray.observation import Observation
from infraray.registration import find
from infraray.space.values import Configuration
from infraray.step_info import StepInfo
from infraray.tune.objective import Objective
from infraray.user_code import describe_failure, passes


class MeasurementFailed(InfrarayError):
    """A configuration has no score on a seed; the text is ``kind: reason``."""


@dataclass(frozen=True)
class Measured:
    """What a configuration achieved on a seed.

    Args:
        score: in the objective's unit.
        metrics: further figures by name, with the unit in the name; those that are not finite are left out.
        failure: what it failed at though it has a score, as ``kind: reason``; see `Objective.gated`.
        extra: JSON-able facts that are kept with the step.
    """

    score: float
    metrics: Mapping[str, float] = field(default_factory=dict)
    failure: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


class MeasuredObjective(Objective):
    """Measures seed by seed."""

    gated = True
    answered = False

    @abstractmethod
    def measure(self, configuration: Configuration, seed: int, budget: int) -> Measured:
        """Measures on a development seed.

        Raises:
            MeasurementFailed: there is no score. Any other exception is a failure as well, told by its class.
        """

    @abstractmethod
    def confirm(self, configuration: Configuration, seed: int) -> Measured:
        """Measures with the full budget on an evaluation seed, from a clean start; raises as `measure` does."""

    def say(self, configuration: Configuration, budget: int | None) -> str:
        """The step's action in words; None is the budget on an evaluation seed."""
        return json.dumps(dict(configuration))

    def entry(self, configuration: Configuration, budget: int | None) -> Entry:
        """The scenario with the configuration, and the budget where there is one, among its options."""
        about: dict[str, Any] = {"configuration": dict(configuration)}
        if budget is not None:
            about["budget"] = budget
        return replace(self._tasks.played_by(self.spell(configuration), options=about), code=self._code)

    @cached_property
    def _tasks(self) -> Entry:
        return Entry.vacant(self.environment(), self.request.scenario, find(self.request.scenario).name)

    @cached_property
    def _code(self) -> dict[str, str]:
        identity = json.dumps(self.identity(), sort_keys=True, default=str)
        return {"objective": hashlib.sha256(identity.encode()).hexdigest()}

    def play(self, specs: Sequence[EpisodeSpec]) -> Iterator[Trajectory]:
        """Measures on one seed after the other."""
        for spec in specs:
            began, started_at = time.perf_counter(), datetime.now(UTC)
            try:
                measured = self._measure(spec)
                if not math.isfinite(measured.score):
                    raise MeasurementFailed(f"no score: the score is {measured.score}")
            except BaseException as error:
                if passes(error):
                    raise
                reason = str(error) if isinstance(error, MeasurementFailed) else describe_failure(error)
                yield failed_trajectory(spec, reason, 1, started_at, time.perf_counter() - began, [])
            else:
                yield self._trajectory(spec, measured, started_at, time.perf_counter() - began)

    def _measure(self, spec: EpisodeSpec) -> Measured:
        configuration, budget = spec.entry.options["configuration"], spec.entry.options.get("budget")
        if budget is None:
            return self.confirm(configuration, spec.seed)
        return self.measure(configuration, spec.seed, budget)

    def _trajectory(self, spec: EpisodeSpec, measured: Measured, started_at: datetime, wall_s: float) -> Trajectory:
        options = spec.entry.options
        metrics = {name: float(value) for name, value in measured.metrics.items() if math.isfinite(value)}
        configuration, budget = options["configuration"], options.get("budget")
        info = StepInfo(valid=True, extra={**metrics, **measured.extra})
        info.action = configuration
        asked = "on the evaluation seeds" if budget is None else f"{budget} {self.budget_unit}"
        step = Step(
            Observation(text_observation=f"seed {spec.seed}, {asked}"),
            self.say(configuration, budget),
            measured.score,
            True,
            False,
            info,
            0.0,
        )
        measures = Measures(measured.score, metrics=metrics, failure=measured.failure)
        better = self.score.higher_is_better
        return Trajectory(spec, [step], measures, math.nan, math.nan, better, 1, started_at, wall_s, measured.failure)
