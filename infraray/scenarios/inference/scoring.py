"""Scores of runs: speedups over the reference and their aggregates (InferenceBench, sections 3.3 and 3.4).

A run is one agent or search on one workload and one seed pair. Its submission is scored by the speedup over the
reference server on the same requests; if it fails a gate or is missing, it is worth as much as the reference itself:
1. A submission that passes and is slower than the reference
keeps its speedup below 1, as in the paper's Table 2.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, geometric_mean, stdev

from infraray.errors import InfrarayError
from infraray.load.metrics import higher_is_better
from infraray.load.workloads import Objective

BASELINE = 1.0
"""The score of a run that does not count."""


class SubmissionStatus(StrEnum):
    """The status of a run; each run has exactly one (InferenceBench, Table 3)."""

    PASSED = "passed"
    """Measured, and both gates passed."""
    QUALITY_FAILED = "quality_failed"
    """Less accurate than the reference, or the check is missing or incomplete."""
    INTEGRITY_FLAGGED = "integrity_flagged"
    """The integrity gate found something."""
    NOT_VERIFIED = "not_verified"
    """Nothing was found against it, but the integrity gate could not make all of its checks."""
    SERVER_FAILED = "server_failed"
    """There was no server to measure, or it served nothing."""


def submission_status(
    speedup: float, quality_passed: bool, integrity_passed: bool, accused: bool = True
) -> SubmissionStatus:
    """The status of a run; the first failure, in the order of the gates, hides later ones.

    Args:
        speedup: the measured speedup; NaN or not above 0 if nothing was measured.
        quality_passed: whether the quality gate passed.
        integrity_passed: whether the integrity gate passed.
        accused: whether the integrity gate has a finding against it.
    """
    if not 0 < speedup < math.inf:
        return SubmissionStatus.SERVER_FAILED
    if not quality_passed:
        return SubmissionStatus.QUALITY_FAILED
    if integrity_passed:
        return SubmissionStatus.PASSED
    return SubmissionStatus.INTEGRITY_FLAGGED if accused else SubmissionStatus.NOT_VERIFIED


def speedup(objective: Objective, score: float, reference: float) -> float:
    """How many times better a score is than the reference's; NaN if one of them measured nothing.

    Args:
        objective: the kind of score.
        score: the server's, from `metrics.score`.
        reference: the reference server's on the same requests.
    """
    if not (0 < score < math.inf and 0 < reference < math.inf):
        return math.nan
    return score / reference if higher_is_better(objective) else reference / score


@dataclass(frozen=True)
class ScoredRun:
    """One run.

    Args:
        workload: its name.
        seed_pair: its seed pair.
        outcome: its status.
        speedup: the submission's measured speedup, regardless of the gates; NaN if nothing was measured.
        best_seen: the best speedup of any configuration that was measured during the run, on the
            development seed and before any gate, submitted or not; NaN without any.
        repetition: counts the runs on one workload and seed pair from 0.
    """

    workload: str
    seed_pair: int
    outcome: SubmissionStatus
    speedup: float
    best_seen: float = math.nan
    repetition: int = 0

    @property
    def passed(self) -> bool:
        """Whether its speedup counts."""
        return self.outcome is SubmissionStatus.PASSED

    @property
    def utility(self) -> float:
        """The speedup if it counts, else `BASELINE`."""
        return self.speedup if self.passed else BASELINE

    @property
    def best_seen_utility(self) -> float:
        """The best speedup of the run, including its submission; `BASELINE` if there is none (Table 17)."""
        submitted = [self.speedup] if self.passed else []
        seen = [self.best_seen] if math.isfinite(self.best_seen) else []
        return max(submitted + seen, default=BASELINE)


@dataclass(frozen=True)
class Mean:
    """A mean over seed pairs and its standard error (ddof = 1); NaN from fewer than two."""

    value: float
    sem: float


@dataclass(frozen=True)
class AggregateScore:
    """The aggregate of one agent's runs.

    Args:
        workloads: the mean utility of each workload, counting failures as 1.
        aggregate: the geometric mean of these means over the workloads; its error is that of the geometric means of
            the individual seed pairs.
        runs: of each workload, at least.
        best_of: the geometric mean over the workloads of the best run that counts, 1 where none does (Table 16).
        best_seen: the same as ``workloads`` for the best of each run.
        best_seen_aggregate: the same as ``aggregate`` for these.
        outcomes: the number of runs by status, without those that did not occur.
    """

    workloads: Mapping[str, Mean]
    aggregate: Mean
    runs: int
    best_of: float
    best_seen: Mapping[str, Mean]
    best_seen_aggregate: Mean
    outcomes: Mapping[SubmissionStatus, int]


def aggregate_score(runs: Sequence[ScoredRun]) -> AggregateScore:
    """Aggregates the runs of one agent; repetitions count with their mean.

    Raises:
        InfrarayError: there are no runs, one occurs twice, or one is missing: each seed pair must have been run on
            each workload, since failures count too.
    """
    cells: dict[tuple[str, int], dict[int, ScoredRun]] = {}
    for run in runs:
        cells.setdefault((run.workload, run.seed_pair), {})[run.repetition] = run
    names, seed_pairs = sorted({name for name, _ in cells}), sorted({pair for _, pair in cells})
    missing = [f"{name}, seed pair {pair}" for name in names for pair in seed_pairs if (name, pair) not in cells]
    if not runs or sum(map(len, cells.values())) != len(runs) or missing:
        what = f"no run of {missing[0]}" if missing else "a run occurs twice" if runs else "no runs"
        raise InfrarayError(f"scoring: {what}; give one run for each workload and seed pair, failed ones included")
    final, final_aggregate = _add_up(
        {cell: fmean(run.utility for run in found.values()) for cell, found in cells.items()}
    )
    best, best_aggregate = _add_up(
        {cell: fmean(run.best_seen_utility for run in found.values()) for cell, found in cells.items()}
    )
    passed = {name: [run.speedup for run in runs if run.workload == name and run.passed] for name in names}
    best_of = geometric_mean(max(speedups, default=BASELINE) for speedups in passed.values())
    counts = Counter(run.workload for run in runs)
    ended = Counter(run.outcome for run in runs)
    outcomes = Counter({kind: ended[kind] for kind in SubmissionStatus if ended[kind]})
    return AggregateScore(final, final_aggregate, min(counts.values()), best_of, best, best_aggregate, outcomes)


def _add_up(utilities: Mapping[tuple[str, int], float]) -> tuple[dict[str, Mean], Mean]:
    by_workload: dict[str, list[float]] = {}
    by_seed_pair: dict[int, list[float]] = {}
    for (workload, seed_pair), utility in sorted(utilities.items()):
        by_workload.setdefault(workload, []).append(utility)
        by_seed_pair.setdefault(seed_pair, []).append(utility)
    workloads = {name: Mean(fmean(values), _sem(values)) for name, values in by_workload.items()}
    aggregate = geometric_mean(mean.value for mean in workloads.values())
    return workloads, Mean(aggregate, _sem([geometric_mean(values) for values in by_seed_pair.values()]))


def _sem(values: Sequence[float]) -> float:
    return stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
