"""What a trial or a confirmation came to, told from its episodes as they are collected."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infraray.episodes import Trajectory
from infraray.statistics.magnitude import mean
from infraray.trajectories.reader import Run

DEADLINE = "deadline"
"""Failure of a trial that ran when the study's time was up. It says nothing about the configuration."""


@dataclass(frozen=True)
class Result:
    """What a collected episode came to.

    Args:
        score: None where the episode failed.
        failure: its kind and reason; None where there is none.
        metrics: further figures by name, with the unit in the name.
        wall_s: how long it took.
    """

    score: float | None
    failure: str | None
    metrics: Mapping[str, float]
    wall_s: float

    @classmethod
    def of(cls, trajectory: Trajectory) -> Result:
        """That of a played episode."""
        measures = trajectory.measures
        score, metrics = (None, {}) if measures is None else (measures.score, measures.metrics)
        return cls(score, trajectory.failure, metrics, trajectory.wall_s)


def read_results(folder: Path) -> dict[bytes, Result]:
    """What a study's folder holds, by the episodes' identities.

    Raises:
        InfrarayError: a file cannot be believed.
    """
    rows = Run(folder).episodes(["episode_id", "score", "failure", "metrics", "wall_s"]).to_pylist()
    return {
        bytes.fromhex(row["episode_id"]): Result(
            row["score"], row["failure"], json.loads(row["metrics"] or "{}"), row["wall_s"]
        )
        for row in rows
    }


@dataclass(frozen=True)
class Evaluation:
    """What a configuration or an agent achieved.

    Args:
        score: the mean over the seeds; None where the trial failed.
        samples: the scores, one a seed, in the seeds' order; of a failure, those that are there.
        metrics: means of further figures, with the unit in the name.
        failure: the kind of the first failure, such as ``server start failed``; None where there is none.
        reason: its seed and reason in one line.
    """

    score: float | None
    samples: tuple[float, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    failure: str | None = None
    reason: str | None = None


CUT_OFF = Evaluation(None, failure=DEADLINE, reason="the study's time was up")


def evaluation_of(
    seeds: Sequence[int], results: Sequence[Result | None], gated: bool, to_the_end: bool
) -> Evaluation | None:
    """The evaluation that episodes add up to; None while that is not known.

    An episode without a score fails the whole, since a mean over the others would flatter.

    Args:
        seeds: of the episodes.
        results: of each; None where it is owed.
        gated: whether one that names a failure fails the whole though it has a score.
        to_the_end: whether all are played though one has failed: a failure is then not known before the last.
    """
    found = [(seed, result) for seed, result in zip(seeds, results, strict=True) if result is not None]
    failed = next(((seed, one) for seed, one in found if one.score is None or (gated and one.failure)), None)
    if len(found) < len(seeds) and (failed is None or to_the_end):
        return None
    samples = tuple(one.score for _, one in found if one.score is not None)
    figures: dict[str, list[float]] = {}
    for _, one in found:
        for name, value in one.metrics.items():
            if value is not None:
                figures.setdefault(name, []).append(value)
    metrics = {name: mean(values) for name, values in figures.items()}
    score = mean(samples) if len(samples) == len(seeds) else None
    if failed is None:
        return Evaluation(score, samples, metrics)
    kind, _, reason = (failed[1].failure or "no score").partition(": ")
    return Evaluation(score, samples, metrics, kind, f"seed {failed[0]}: {reason or kind}")
