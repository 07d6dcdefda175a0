"""A study on Ray Tune: a `ray.tune` searcher that hands out the study's trials and takes what became of them.

Tune owns the actors, their resources and their reuse. It is given the study as its search algorithm, and
one Tune trial for each thing to be measured: every preparation, every trial, every confirmation. Tune's
own checkpoints are not used, since the study's journal says more and is never torn.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import ray
from ray import tune
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher as TuneSearcher

from infraray.actors.collector import ask, collecting
from infraray.actors.pulse import check_pulse
from infraray.errors import InfrarayError
from infraray.scratch import scratch_folder
from infraray.space.values import Configuration
from infraray.tune.evaluation import Evaluation
from infraray.tune.keeper import EpisodeKeeper
from infraray.tune.study import Confirmation, FinishedTrial, Study, Trial
from infraray.tune.trial_actor import Done, Order, TrialActor, workplace_of
from infraray.user_code import guarded, passes


@dataclass(frozen=True)
class Resources:
    """What one trial has for itself.

    Args:
        cpus: CPU cores, or a share of one.
        gpus: the same for GPUs.
        parallel: trials at a time; without one, as many as the cluster holds.
    """

    cpus: float = 1.0
    gpus: float = 0.0
    parallel: int | None = None

    def places(self, alone_on_devices: bool) -> int:
        """How many trials run at a time on the connected cluster.

        Args:
            alone_on_devices: of the objective: without GPUs of their own, one at a time unless more are asked for.

        Raises:
            InfrarayError: it has not enough for one.
        """
        found = ray.cluster_resources()
        room = [
            int(found.get(name, 0.0) / wanted)
            for name, wanted in (("CPU", self.cpus), ("GPU", self.gpus))
            if wanted > 0
        ]
        if room and min(room) < 1:
            raise InfrarayError(
                f"resources: a trial asks for {self.cpus:g} CPUs and {self.gpus:g} GPUs; "
                f"the cluster has {found.get('CPU', 0):g} and {found.get('GPU', 0):g}"
            )
        fitting = min(room) if room else 1
        if self.parallel is not None:
            return min(self.parallel, fitting)
        return 1 if alone_on_devices and self.gpus == 0 else fitting


class StudyWatcher(Protocol):
    """Is told of a study's progress."""

    def finished(self, ended: FinishedTrial) -> None:
        """A trial has ended, however."""

    def preparing(self, piece: str) -> None:
        """Something is made that all trials need."""

    def confirmed(self, confirmation: Confirmation, evaluation: Evaluation) -> None:
        """Something was measured on the evaluation seeds."""

    def notice(self, text: str) -> None:
        """Something worth a line."""


def run_study(
    name: str, study: Study, folder: Path, resources: Resources, sources: Mapping[str, bytes], watcher: StudyWatcher
) -> None:
    """Measures all that a study's budget allows, and confirms what came of it.

    Needs a connected cluster.

    Args:
        name: the study's.
        study: the study.
        folder: where its episodes are collected.
        resources: of a trial.
        sources: the content of the user's Python files by path.
        watcher: is told of the progress.

    Raises:
        InfrarayError: the objective cannot be prepared, the cluster is too small, or the journal cannot be written.
    """
    places = resources.places(study.objective.alone_on_devices)
    with collecting(folder) as collector:
        search = _StudySearch(study, EpisodeKeeper(name, folder, collector), places, watcher)
        workplace = workplace_of(name, study.objective, collector, sources)
        _tune(search, tune.with_parameters(TrialActor, workplace=workplace), resources, places)
        ask(collector, "finish")
    if search.error is not None:
        raise search.error


def _tune(search: _StudySearch, actor: Any, resources: Resources, places: int) -> None:
    """Lets Tune hand out the study's orders until there are no more."""
    with _quiet_tune(), scratch_folder() as folder:
        tune.Tuner(
            tune.with_resources(actor, {"cpu": resources.cpus, "gpu": resources.gpus}),
            tune_config=tune.TuneConfig(
                search_alg=search,
                scheduler=_KeepsIdleActors(places),
                num_samples=-1,
                reuse_actors=True,
                trial_dirname_creator=lambda trial: str(trial.trial_id),
            ),
            run_config=tune.RunConfig(
                name="study",
                storage_path=str(folder),
                callbacks=[_Pulse()],
                checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                verbose=0,
            ),
        ).fit()


class _Pulse(tune.Callback):  # type: ignore[misc]
    """Ends a study whose cluster is gone, for which Tune would wait without an end."""

    def on_step_begin(self, iteration: int, trials: list[Any], **info: Any) -> None:
        """Is called again and again while Tune waits."""
        check_pulse()


class _KeepsIdleActors(FIFOScheduler):  # type: ignore[misc]
    """Tune's own scheduler, which lets actors that wait for the others live, with all that they keep.

    Between two phases of a study Tune would keep one and end the others.

    Args:
        places: actors at a time.
    """

    def __init__(self, places: int) -> None:
        super().__init__()
        self.places = places

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """Tells Tune once, in words that are not public: a version without them ends the actors."""
        with suppress(AttributeError):
            tune_controller._actor_cache.increase_max(trial.placement_group_factory, by=self.places)
        self.places = 0


class _StudySearch(TuneSearcher):  # type: ignore[misc]
    """Hands out orders: first the preparations, then a warm-up for each place, then trials, then confirmations.

    Args:
        study: the study.
        keeper: of its episodes.
        places: orders under way at a time.
        watcher: is told of the progress.
    """

    def __init__(self, study: Study, keeper: EpisodeKeeper, places: int, watcher: StudyWatcher) -> None:
        super().__init__(metric="ended", mode="min")
        self.study = study
        self.keeper = keeper
        self.places = places
        self.watcher = watcher
        self.error: BaseException | None = None
        """What ended the study early."""
        self.phase: Literal["preparing", "warming", "searching", "confirming"] = "preparing"
        """None begins before all of the one before it has ended."""
        self.cold = places if study.objective.warming and not study.is_spent else 0
        """Places that were not told to warm up yet."""
        with guarded("the objective"):
            self.unprepared = list(study.objective.preparations())
        """Pieces that are not under way yet."""
        self.notices: set[str] = set()
        """Lines that the user was told already: several pieces may have the same to say."""
        self.under_way: dict[str, _Given] = {}
        """By Tune's trial id."""
        self.held: Configuration | None = None
        """What the actor measured that has become free, which Tune uses next."""

    def suggest(self, trial_id: str) -> Any:
        """The next order; None where it has to wait for one that is under way."""
        if self.error is not None:
            return self.FINISHED
        given = None
        with self._keeping_error():
            if self.phase == "searching":
                self.study.note_time()
            if len(self.under_way) >= self.places:
                return None
            given = self._next()
        if given is None:
            return None if self.under_way else self.FINISHED
        self.under_way[trial_id] = given
        return {"order": given.order}

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Takes what became of an order, or its actor's death."""
        given = self.under_way.pop(trial_id, None)
        if given is None or self.error is not None:
            return
        with self._keeping_error():
            self._take(given, result, error)

    def _take(self, given: _Given, result: dict[str, Any] | None, error: bool) -> None:
        found = result or {"carried_out": _death(given.order), "began": given.at, "ended": time.time()}
        done: Done = found["carried_out"]
        if given.subject is None:
            self._take_preparation(given.order, done)
            return
        self.study.results.update(done.results)
        if done.unavailable is not None:
            raise InfrarayError(done.unavailable)
        if result is None:
            # What it delivered before it died is collected, though it could not say so.
            self.study.results.update(self.keeper.collected(given.order.episodes))
        owed = self.study.owed_episodes(given.subject)
        if done.failure is not None and owed:
            self.study.results.update(self.keeper.give_up(owed[0], done.failure))
            owed = self.study.owed_episodes(given.subject)
        if isinstance(given.subject, Confirmation):
            self._take_confirmation(given.subject)
        elif owed and found["began"] >= (given.order.deadline or math.inf):
            # Its actor was not there in time: it did not run, and is still owed.
            self.held = None
        else:
            began_s, ended_s = self.study.elapsed_s(found["began"]), self.study.elapsed_s(found["ended"])
            self.held = None if error else given.subject.configuration
            self.watcher.finished(self.study.finish(given.subject, began_s, ended_s, cut_off=bool(owed)))

    def save(self, checkpoint_path: str) -> None:
        """Writes nothing: the journal has it all."""

    def restore(self, checkpoint_path: str) -> None:
        """Reads nothing."""

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune pickles its search algorithm for a checkpoint that is never read."""
        return {}

    @contextmanager
    def _keeping_error(self) -> Iterator[None]:
        """Keeps what is raised inside for `run_study`: Tune would take it for the failure of a trial and go on."""
        try:
            yield
        except BaseException as error:
            if passes(error):
                raise
            self.error = error

    def _next(self) -> _Given | None:
        if self.phase == "preparing":
            if self.unprepared:
                piece = self.unprepared.pop(0)
                self.watcher.preparing(piece)
                return _Given(None, Order(piece=piece))
            if self.under_way:
                return None
            self.phase = "warming"
            if self.cold:
                self.watcher.preparing(self.study.objective.warming)
        if self.phase == "warming":
            if self.cold:
                self.cold -= 1
                return _Given(None, Order())
            if self.under_way:
                return None
            self.phase = "searching"
            self.study.start_clock()
        if self.phase == "searching":
            while (trial := self.study.next_trial(self.held)) is not None:
                if owed := self.study.owed_episodes(trial):
                    return _Given(trial, Order(episodes=tuple(owed), deadline=self.study.deadline))
                # Killed after the last episode, or all were played in other trials.
                now_s = self.study.elapsed_s()
                self.watcher.finished(self.study.finish(trial, now_s, now_s))
            if self.under_way:
                return None
            self.phase = "confirming"
        return self._next_confirmation()

    def _next_confirmation(self) -> _Given | None:
        """Owed episodes on the evaluation seeds, in equal shares for all places; conversations wait side by side."""
        playing = {spec.id for given in self.under_way.values() for spec in given.order.episodes}
        for due in self.study.due_confirmations():
            owed = self.study.owed_episodes(due)
            share = len(owed) if owed[0].entry.conversational else math.ceil(len(owed) / self.places)
            if free := [spec for spec in owed if spec.id not in playing][:share]:
                return _Given(due, Order(episodes=tuple(free), to_the_end=True))
        return None

    def _take_confirmation(self, due: Confirmation) -> None:
        evaluation = self.study.evaluation(due.episodes)
        if evaluation is not None:
            self.watcher.confirmed(due, evaluation)

    def _take_preparation(self, order: Order, done: Done) -> None:
        if done.failure is not None and not order.piece:
            # The trials will say the same, or go without.
            self.watcher.notice(f"{self.study.objective.warming}: {done.failure}")
        elif done.failure is not None:
            failed = f"nothing can be measured: {done.failure}"
            if self.under_way:
                # Tune ends no trial that is under way, and a reference may take its time.
                self.watcher.notice(f"{failed}; waiting for what else is being prepared")
            raise InfrarayError(failed)
        for line in done.lines:
            if line not in self.notices:
                self.notices.add(line)
                self.watcher.notice(line)


@dataclass(frozen=True)
class _Given:
    """An order under way, what it is about (None is a preparation), and when it was given."""

    subject: Trial | Confirmation | None
    order: Order
    at: float = field(default_factory=time.time)


def _death(order: Order) -> Done:
    """What became of an order whose actor died."""
    if order.deadline is not None and time.time() >= order.deadline:
        return Done()
    reason = "the process that ran the trial died"
    # An episode's failure begins with its class.
    return Done(failure=f"process died: {reason}" if order.episodes else reason)


@contextmanager
def _quiet_tune() -> Iterator[None]:
    """Keeps Tune from writing files and reports that nobody reads, and from taking Ctrl-C."""
    settings = {
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
        "TUNE_DISABLE_SIGINT_HANDLER": "1",
        "TUNE_GLOBAL_CHECKPOINT_S": "86400",
        "RAY_AIR_NEW_OUTPUT": "0",
    }
    before = {name: os.environ.get(name) for name in settings}
    level = logging.getLogger("ray.tune").level
    os.environ.update(settings)
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logging.getLogger("ray.tune").setLevel(level)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
