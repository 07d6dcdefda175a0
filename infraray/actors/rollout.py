"""The rollout worker: an actor that plays batches of episodes and sends them to the collector."""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import ray

from infraray.actors.begun import BegunFile, BegunPlace
from infraray.actors.imports import Imports
from infraray.episodes import EpisodePlayer, EpisodeSpec, LimitReached, RunLimits, Trajectory
from infraray.trajectories.encoding import Message, encode, to_batch
from infraray.user_code import describe_failure, passes


@dataclass(frozen=True)
class BatchReport:
    """The outcome of a batch.

    Args:
        finished: finished episodes by (label, agent).
        failed: failed episodes by (label, agent).
        seconds: time spent by (label, agent).
        failures: the reasons why episodes failed.
        again: episodes whose attempt failed but was not the last; they are not collected.
        stopped: the limits that ended episodes, which stay owed.
    """

    finished: Counter[tuple[str, str]] = field(default_factory=Counter)
    failed: Counter[tuple[str, str]] = field(default_factory=Counter)
    seconds: defaultdict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))
    failures: list[str] = field(default_factory=list)
    again: list[EpisodeSpec] = field(default_factory=list)
    stopped: list[LimitReached] = field(default_factory=list)

    def add(self, trajectory: Trajectory, seconds: float) -> None:
        """Counts a played episode and its time."""
        self.seconds[trajectory.spec.entry.who] += seconds
        self.count(trajectory.spec, None if trajectory.measures is not None else str(trajectory.failure))

    def count(self, spec: EpisodeSpec, failure: str | None) -> None:
        """Counts an episode that is collected; ``failure`` says why it failed, None that it finished."""
        label, agent = who = spec.entry.who
        if failure is None:
            self.finished[who] += 1
        else:
            self.failed[who] += 1
            self.failures.append(f"{label}, {agent}, seed {spec.seed}: {failure}")


def pack(run: str, trajectories: Sequence[Trajectory]) -> tuple[list[Trajectory], Message]:
    """A message of trajectories, and the trajectories as they are in it.

    An agent or a scenario may give something that cannot be written; such an episode fails and harms no other.
    """
    packed = list(trajectories)
    try:
        batch = to_batch(run, packed)
    except BaseException as error:
        if passes(error):
            raise
        packed = [_writable(run, trajectory) for trajectory in packed]
        batch = to_batch(run, packed)
    return packed, encode(batch, [trajectory.spec.id for trajectory in packed])


def _writable(run: str, trajectory: Trajectory) -> Trajectory:
    """A trajectory, or if it cannot be written, its failure without steps."""
    try:
        to_batch(run, [trajectory])
    except BaseException as error:
        if passes(error):
            raise
        failure = f"its record cannot be written: {describe_failure(error)}"
        return replace(trajectory, steps=[], measures=None, floor=math.nan, bound=math.nan, failure=failure)
    return trajectory


class RolloutWorker:
    """Plays given episodes one after the other.

    Args:
        run: the run's name.
        collector: the collector's handle.
        limits: the time limit.
        imports: what the driver has imported.
    """

    def __init__(self, run: str, collector: Any, limits: RunLimits, imports: Imports) -> None:
        self.imports = imports
        self.run = run
        self.collector = collector
        self.player = EpisodePlayer(limits.episode_s)

    def ready(self) -> BegunPlace:
        """Answers once the worker can play; returns the place where it writes down each episode that it begins.

        Raises:
            InfrarayError: one of the user's files does not import here.
        """
        # Not in the constructor, whose errors Ray takes for the worker's death.
        self.imports.load()
        self.begun = BegunFile()
        return self.begun.place

    def play(self, specs: Sequence[EpisodeSpec], attempt: int, last: bool) -> BatchReport:
        """Plays episodes; when it returns, all are collected except those to be played again.

        Args:
            specs: the episodes.
            attempt: the number of times they have been begun, including this one.
            last: whether to give up one that fails.
        """
        report = BatchReport()
        trajectories, seconds = [], []
        for spec in specs:
            before = time.perf_counter()
            self.begun.begin(spec.id, attempt)
            trajectory = self.player.play(spec, attempt)
            if trajectory.measures is None and not last:
                report.again.append(spec)
                continue
            trajectories.append(trajectory)
            seconds.append(time.perf_counter() - before)
        self.begun.rest()
        if trajectories:
            trajectories, message = pack(self.run, trajectories)
            ray.get(self.collector.append.remote(message))
        for trajectory, taken_s in zip(trajectories, seconds, strict=True):
            report.add(trajectory, taken_s)
        return report
