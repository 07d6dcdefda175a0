"""The actor that runs trials: a Ray Tune `Trainable` with an objective that it keeps from trial to trial."""

from __future__ import annotations

import faulthandler
import os
import pickle
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import ray
from ray import cloudpickle, tune

from infraray.actors.imports import Imports
from infraray.actors.rollout import pack
from infraray.deadline import TimeLimit, time_limit
from infraray.episodes import EpisodeSpec, Trajectory
from infraray.errors import Unavailable
from infraray.tune.evaluation import Result
from infraray.tune.objective import Objective
from infraray.user_code import describe_failure, passes

GRACE_S = 1.0
"""What a trial may take beyond the deadline before its process is ended."""

STORED_EVERY_S = 0.3
"""What a kill may lose of the episodes of a trial: they are collected together, and at the trial's end."""


@dataclass(frozen=True)
class Order:
    """What an actor is to do: a piece to prepare, episodes to play, or with neither to warm up.

    Args:
        piece: of `Objective.preparations`.
        episodes: owed ones of one trial or confirmation.
        to_the_end: whether all are played though one has failed, as on the evaluation seeds.
        deadline: seconds since the epoch; None without one.
    """

    piece: str = ""
    episodes: tuple[EpisodeSpec, ...] = ()
    to_the_end: bool = False
    deadline: float | None = None


@dataclass(frozen=True)
class Done:
    """What became of an order.

    Args:
        results: of the episodes that are collected.
        lines: of a preparation, what the user should know.
        failure: why it could not be carried out; None where it could.
        unavailable: what every further episode needs and is not there; None where nothing is missing.
    """

    results: Mapping[bytes, Result] = field(default_factory=dict)
    lines: tuple[str, ...] = ()
    failure: str | None = None
    unavailable: str | None = None


@dataclass(frozen=True)
class Workplace:
    """What an actor's process needs before it can unpickle the objective.

    Args:
        study: its name.
        objective: pickled.
        collector: the handle of the actor that writes the study's folder.
        imports: what the driver has imported.
    """

    study: str
    objective: bytes
    collector: Any
    imports: Imports


class TrialActor(tune.Trainable):  # type: ignore[misc]
    """One trial after the other; each is one step of a Tune trial, whose configuration holds an `Order`."""

    def setup(self, config: dict[str, Any], workplace: Workplace) -> None:
        """Unpickles the objective; why it cannot, every order's failure says."""
        self.order: Order = config["order"]
        self.objective: Objective | None = None
        self.problem = ""
        self.workplace = workplace
        try:
            workplace.imports.load()
            self.objective = pickle.loads(workplace.objective)
        except BaseException as error:
            if passes(error):
                raise
            self.problem = f"no objective: {describe_failure(error)}"

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Takes the next order; the objective stays as it is."""
        self.order = new_config["order"]
        # Tune moves the actor into another folder before every trial.
        self.workplace.imports.enter()
        return True

    def step(self) -> dict[str, Any]:
        """Carries the order out; an exception is a failure of the trial, not of the actor."""
        began = time.time()
        done = Done(failure=self.problem)
        if self.objective is not None:
            done = carry_out(self.objective, self.order, self._store)
        return {"carried_out": done, "began": began, "ended": time.time(), "done": True}

    def cleanup(self) -> None:
        """Ends what the objective started."""
        if self.objective is not None:
            try:
                self.objective.close()
            except BaseException as error:
                if passes(error):
                    raise

    def _store(self, trajectories: Sequence[Trajectory]) -> list[Trajectory]:
        """Collects episodes; returns them as they are stored."""
        stored, message = pack(self.workplace.study, trajectories)
        ray.get(self.workplace.collector.append.remote(message))
        return stored


Store = Callable[[Sequence[Trajectory]], Sequence[Trajectory]]
"""Keeps episodes, and returns them as they are kept."""


def carry_out(objective: Objective, order: Order, store: Store) -> Done:
    """Carries an order out; the first of a trial's episodes that fails ends it, since the trial has failed."""
    if order.episodes:
        return _play(objective, order, store)
    try:
        with _until(order.deadline):
            if order.piece:
                return Done(lines=tuple(objective.prepare(order.piece)))
            objective.warm_up()
            return Done()
    except BaseException as error:
        if passes(error):
            raise
        return Done(failure=describe_failure(error))


def _play(objective: Objective, order: Order, store: Store) -> Done:
    results: dict[bytes, Result] = {}
    waiting: list[Trajectory] = []

    def keep() -> None:
        if waiting:
            results.update({stored.spec.id: Result.of(stored) for stored in store(waiting)})
            waiting.clear()

    failure, unavailable = None, None
    try:
        with _until(order.deadline):
            stored_at = time.monotonic()
            for trajectory in objective.play(order.episodes):
                if trajectory.measures is None and _is_over(order.deadline):
                    break  # broken off by the deadline, which is not its failure
                waiting.append(trajectory)
                if trajectory.measures is None and not order.to_the_end:
                    break
                if time.monotonic() >= stored_at + STORED_EVERY_S:
                    keep()
                    stored_at = time.monotonic()
    except BaseException as error:
        if passes(error):
            raise
        if issubclass(type(error), Unavailable):  # what an object says of its class may be a lie, or raise
            unavailable = str(error)
        elif not _is_over(order.deadline):
            failure = describe_failure(error)
    keep()
    return Done(results, failure=failure, unavailable=unavailable)


def _is_over(deadline: float | None) -> bool:
    return deadline is not None and time.time() >= deadline


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


def workplace_of(study: str, objective: Objective, collector: Any, sources: Mapping[str, bytes]) -> Workplace:
    """What actors need to work for this process."""
    return Workplace(study, cloudpickle.dumps(objective), collector, Imports.of_this_process(sources))
