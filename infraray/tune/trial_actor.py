"""The actor that runs trials: a Ray Tune `Trainable` with an objective that it keeps from trial to trial."""

from __future__ import annotations

import faulthandler
import math
import os
import pickle
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ray import cloudpickle, tune

from infraray.actors.imports import Imports
from infraray.deadline import TimeLimit, time_limit
from infraray.space.values import Configuration
from infraray.tune.objective import Measurement, Objective
from infraray.tune.study import DEADLINE
from infraray.user_code import class_name, describe_failure, passes

GRACE_S = 1.0
"""What a trial may take beyond the deadline before its process is ended."""


@dataclass(frozen=True)
class Order:
    """What an actor is to do.

    Args:
        what: ``prepare``, ``warm_up``, ``evaluate``, ``confirm`` or ``confirm_agent``.
        configuration: None where there is none.
        budget: of ``evaluate``.
        agent: of ``confirm_agent``.
        piece: of ``prepare``.
        seed: of ``confirm``; None for all evaluation seeds.
        deadline: seconds since the epoch; None without one.
    """

    what: str
    configuration: Configuration | None = None
    budget: int = 0
    agent: str = ""
    piece: str = ""
    seed: int | None = None
    deadline: float | None = None


@dataclass(frozen=True)
class Workplace:
    """What an actor's process needs before it can unpickle the objective.

    Args:
        objective: pickled.
        imports: what the driver has imported.
    """

    objective: bytes
    imports: Imports


class TrialActor(tune.Trainable):  # type: ignore[misc]
    """One trial after the other; each is one step of a Tune trial, whose configuration holds an `Order`."""

    def setup(self, config: dict[str, Any], workplace: Workplace) -> None:
        """Unpickles the objective; why it cannot, the first order's measurement says."""
        self.order: Order = config["order"]
        self.objective: Objective | None = None
        self.problem = ""
        self.imports = workplace.imports
        try:
            self.imports.load()
            self.objective = pickle.loads(workplace.objective)
        except BaseException as error:
            if passes(error):
                raise
            self.problem = describe_failure(error)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Takes the next order; the objective stays as it is."""
        self.order = new_config["order"]
        # Tune moves the actor into another folder before every trial.
        self.imports.enter()
        return True

    def step(self) -> dict[str, Any]:
        """Carries the order out; an exception is a failure of the trial, not of the actor."""
        began = time.time()
        if self.objective is None:
            measurement = Measurement(None, failure="no objective", reason=self.problem)
        else:
            measurement = carry_out(self.objective, self.order)
        return {"measurement": measurement, "began": began, "ended": time.time(), "done": True}

    def cleanup(self) -> None:
        """Ends what the objective started."""
        if self.objective is not None:
            try:
                self.objective.close()
            except BaseException as error:
                if passes(error):
                    raise


def carry_out(objective: Objective, order: Order) -> Measurement:
    """The measurement of an order; where it is to prepare, one without a score, whose reason is what to know."""
    try:
        with _until(order.deadline):
            if order.what == "prepare":
                return Measurement(None, reason="\n".join(objective.prepare(order.piece)) or None)
            if order.what == "warm_up":
                objective.warm_up()
                return Measurement(None)
            measurement = _checked(_measure(objective, order))
    except BaseException as error:
        if passes(error):
            raise
        measurement = Measurement(None, failure=class_name(error), reason=describe_failure(error))
    if measurement.failure is not None and order.deadline is not None and time.time() >= order.deadline:
        return Measurement(None, failure=DEADLINE, reason="the study's time was up")
    return measurement


def _measure(objective: Objective, order: Order) -> Measurement:
    if order.what == "confirm_agent":
        return objective.confirm_agent(order.agent)
    assert order.configuration is not None
    if order.what == "confirm":
        if order.seed is not None:
            return objective.confirm_seed(order.configuration, order.seed)
        return objective.confirm(order.configuration)
    return objective.evaluate(order.configuration, order.budget)


def _checked(measurement: Measurement) -> Measurement:
    """The same with finite figures only: a score that is none is a failure."""
    metrics = {name: value for name, value in measurement.metrics.items() if math.isfinite(value)}
    if measurement.failure is None and (measurement.score is None or not math.isfinite(measurement.score)):
        return Measurement(None, metrics=metrics, failure="no score", reason=f"the score is {measurement.score}")
    return replace(measurement, metrics=metrics)


@contextmanager
def _until(deadline: float | None) -> Iterator[None]:
    """Raises `TimeLimit` in the code inside at the deadline; native code that does not return ends with the process."""
    if deadline is None:
        yield
        return
    left_s = deadline - time.time()
    if left_s <= 0:
        raise TimeLimit("the study's time was up")
    # A thread in C, which needs nothing from Python. Nobody needs the traceback that it insists on.
    with open(os.devnull, "w") as nowhere:
        faulthandler.dump_traceback_later(left_s + GRACE_S, exit=True, file=nowhere)
        try:
            with time_limit(left_s):
                yield
        finally:
            faulthandler.cancel_dump_traceback_later()


def workplace_of(objective: Objective, sources: Mapping[str, bytes]) -> Workplace:
    """What actors need to work for this process."""
    return Workplace(cloudpickle.dumps(objective), Imports.of_this_process(sources))
