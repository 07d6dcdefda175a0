"""A study's report as data: everything that the table, the page and the picture show."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from infraray.environment import Score
from infraray.episodes import episode_id
from infraray.errors import InfrarayError
from infraray.folders import holds
from infraray.space.sampling import size
from infraray.space.search_space import SearchSpace
from infraray.space.values import Configuration, canonical_text
from infraray.statistics.intervals import Estimate, TaskBootstrap
from infraray.statistics.power import about, seeds_to_separate
from infraray.statistics.verdict import Verdict
from infraray.trajectories.journal import JOURNAL, read_journal
from infraray.trajectories.manifest import Manifest, StudyRecord
from infraray.trajectories.reader import Run
from infraray.tune.candidates import compare_seeds, judge_candidates, stands
from infraray.tune.evaluation import CUT_OFF, DEADLINE, Evaluation, Result, evaluation_of, read_results
from infraray.tune.report.importance import Importance, find_importance


@dataclass(frozen=True)
class TrialRow:
    """One trial.

    Args:
        number: in the order in which they were asked for.
        label: what a person types to use the configuration.
        configuration: canonical.
        budget: in the objective's unit.
        source: who proposed it.
        evaluation: the score, or the failure.
        began_s: seconds on the study's clock.
        ended_s: the same.
    """

    number: int
    label: str
    configuration: Configuration
    budget: int
    source: str
    evaluation: Evaluation
    began_s: float
    ended_s: float

    @property
    def score(self) -> float:
        """NaN where the trial failed."""
        found = self.evaluation.score
        return math.nan if found is None or self.evaluation.failure is not None else found


@dataclass(frozen=True)
class Standing:
    """One row of the table: a configuration or an agent on the evaluation seeds.

    Args:
        role: ``best``, ``defaults``, ``refused`` (the best at first, but it does not hold) or ``agent``.
        label: what a person types to use it.
        configuration: None for an agent.
        evaluation: on the evaluation seeds.
        score: mean and interval over the seeds.
        against_defaults: the score minus the defaults', paired by seed; None where it cannot be said.
        verdict: of the comparison with the defaults.
        seeds_to_separate: how many would tell it from the defaults; None where that is told already, or cannot be.
    """

    role: str
    label: str
    configuration: Configuration | None
    evaluation: Evaluation
    score: Estimate
    against_defaults: Estimate | None
    verdict: Verdict
    seeds_to_separate: int | None


@dataclass(frozen=True)
class StudyReport:
    """A study's report.

    Args:
        manifest: what ``run.json`` holds.
        study: its part about the search.
        space: what was searched.
        score: what was measured, its unit, and which way is better.
        trials: that ended, in the order in which they did.
        standings: the best first.
        files: what was written, by kind (html, png); empty before.
    """

    manifest: Manifest
    study: StudyRecord
    space: SearchSpace
    score: Score
    trials: tuple[TrialRow, ...]
    standings: tuple[Standing, ...]
    files: Mapping[str, Path]

    @property
    def name(self) -> str:
        """The study's name."""
        return self.manifest.name

    @property
    def max_budget(self) -> int:
        """The budget of a full measurement."""
        return self.study.max_budget

    @property
    def searcher(self) -> str:
        """Its name."""
        return self.study.searcher

    @property
    def best(self) -> Standing | None:
        """The best configuration, if one is confirmed."""
        return next((standing for standing in self.standings if standing.role == "best"), None)

    @property
    def defaults(self) -> Standing | None:
        """The defaults on the evaluation seeds."""
        found = canonical_text(self.space.default)
        return next(
            (one for one in self.standings if one.configuration and canonical_text(one.configuration) == found), None
        )

    @property
    def comparisons(self) -> int:
        """How many rows are compared with the defaults."""
        return sum(one.role != "defaults" and one.against_defaults is not None for one in self.standings)

    @cached_property
    def space_size(self) -> int | None:
        """How many configurations there are; None where a hyperparameter is continuous."""
        return size(self.space)

    @cached_property
    def scored(self) -> list[TrialRow]:
        """The trials with a score and the full budget."""
        return [row for row in self.trials if row.budget == self.max_budget and math.isfinite(row.score)]

    @cached_property
    def failed(self) -> list[TrialRow]:
        """The trials that failed, but for those that the deadline cut off."""
        return [row for row in self.trials if row.evaluation.failure not in (None, DEADLINE)]

    @cached_property
    def cut_off(self) -> list[TrialRow]:
        """The trials that ran when the time was up."""
        return [row for row in self.trials if row.evaluation.failure == DEADLINE]

    @property
    def seconds(self) -> float:
        """On the study's clock."""
        return max((row.ended_s for row in self.trials), default=0.0)

    @cached_property
    def importance(self) -> Importance:
        """How much each hyperparameter matters."""
        return find_importance(self.space, [(row.configuration, row.budget, row.score) for row in self.trials])

    def better(self, one: float, other: float) -> bool:
        """Whether a score is better than another; anything is better than NaN."""
        if math.isnan(other):
            return not math.isnan(one)
        return one > other if self.score.higher_is_better else one < other

    @cached_property
    def best_so_far(self) -> list[float]:
        """For each trial, the best score with the full budget until then; NaN before the first."""
        best, found = math.nan, []
        for row in self.trials:
            if row.budget == self.max_budget and self.better(row.score, best):
                best = row.score
            found.append(best)
        return found

    @cached_property
    def spent(self) -> list[float]:
        """For each trial, full measurements until then; one with a third of the budget counts a third."""
        shares = [row.budget / self.max_budget for row in self.trials]
        return [float(total) for total in np.cumsum(shares)]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader must know before believing the table, one sentence each."""
        found = []
        if self.best is None:
            found.append("No best configuration is confirmed: every trial failed, or the search was stopped before.")
        refused = [standing for standing in self.standings if standing.role == "refused"]
        for standing in refused:
            reason = standing.evaluation.reason or standing.evaluation.failure
            became = f"failed on the evaluation seeds: {reason}" if reason else "is worse than the defaults there"
            found.append(f"{standing.label} was the best at first and {became}.")
        if self.best is not None and self.best.configuration == self.space.default:
            found.append("Nothing better than the defaults was found.")
        elif self.best is not None and self.best.verdict == "tied":
            seeds = self.best.seeds_to_separate
            more = f"; {about(seeds)} evaluation seeds would tell them apart" if seeds else ""
            found.append(f"The best is tied with the defaults{more}.")
        return tuple(found)


def study_report(folder: str | Path) -> StudyReport:
    """Evaluates a study.

    Raises:
        InfrarayError: the folder holds no study, or one in which no trial has ended.
    """
    folder = Path(folder)
    if not holds(folder, "study"):
        raise InfrarayError(f"{folder}: holds no study; make one with 'infraray search'")
    manifest = Run(folder).manifest
    assert manifest.study is not None
    measured = _Measured(manifest.study, read_results(folder))
    asked: dict[int, Mapping[str, Any]] = {}
    trials: dict[int, TrialRow] = {}
    confirmed: list[Mapping[str, Any]] = []
    for event in read_journal(folder / JOURNAL):
        if event["kind"] == "asked":
            asked.setdefault(event["trial"], event)
        elif event["kind"] == "confirming":
            confirmed.append(event)
        elif event["kind"] == "finished":
            # A trial that the deadline cut off and that was measured later is the later one, at its place.
            trials.pop(event["trial"], None)
            row = measured.trial(asked[event["trial"]], event)
            if row is not None:
                trials[event["trial"]] = row
    if not trials:
        raise InfrarayError(f"{folder}: nothing to report: no trial has ended")
    evaluation = next(found for found in manifest.scenarios.values() if not found.of_search)
    space = SearchSpace.from_json(manifest.study.space)
    rows = tuple(sorted(trials.values(), key=lambda row: row.ended_s))
    entrants = [(event, measured.on(tuple(evaluation.seeds), event)) for event in confirmed]
    found = {_key(event): (event, one) for event, one in entrants if one is not None}
    standings = _standings(space, evaluation.score, rows, found, manifest.study)
    return StudyReport(manifest, manifest.study, space, evaluation.score, rows, standings, {})


@dataclass(frozen=True)
class _Measured:
    """What the events of a study's journal came to, by the collected episodes.

    Args:
        study: what it measures by.
        results: by the episodes' identities.
    """

    study: StudyRecord
    results: Mapping[bytes, Result]

    def trial(self, asked: Mapping[str, Any], ended: Mapping[str, Any]) -> TrialRow | None:
        """A trial; None where its episodes are lost."""
        seeds = self.study.seeds[: asked["seeds"]]
        evaluation = CUT_OFF if ended["cut_off"] else self.on(seeds, asked, to_the_end=False)
        if evaluation is None:
            return None
        return TrialRow(
            asked["trial"],
            asked["label"],
            asked["configuration"],
            asked["budget"],
            asked["source"],
            evaluation,
            ended["began_s"],
            ended["ended_s"],
        )

    def on(self, seeds: tuple[int, ...], event: Mapping[str, Any], to_the_end: bool = True) -> Evaluation | None:
        """What an entrant achieved on seeds; None while that is not known."""
        digest = bytes.fromhex(event["digest"])
        results = [self.results.get(episode_id(digest, seed, 0)) for seed in seeds]
        return evaluation_of(seeds, results, self.study.gated, to_the_end)


def _standings(
    space: SearchSpace,
    score: Score,
    trials: tuple[TrialRow, ...],
    found: Mapping[str, tuple[Mapping[str, Any], Evaluation]],
    study: StudyRecord,
) -> tuple[Standing, ...]:
    """The table: who was confirmed, best score first; of earlier bests only the present one is shown."""
    full = [row for row in trials if row.budget == study.max_budget and math.isfinite(row.score)]
    sign = -1 if score.higher_is_better else 1
    ranking = [
        canonical_text(row.configuration) for row in sorted(full, key=lambda row: (sign * row.score, row.number))
    ]
    defaults = canonical_text(space.default)
    base = found[defaults][1] if defaults in found else None
    passed = {key: stands(evaluation, base, score) for key, (_, evaluation) in found.items()}
    shown: dict[str, str] = {**judge_candidates(ranking, passed)}
    if defaults in found:
        shown.setdefault(defaults, "defaults")
    shown |= {agent: "agent" for agent in study.against if agent in found}
    samples = base.samples if base is not None else ()
    made = [_standing(role, *found[key], samples, score) for key, role in shown.items()]
    return tuple(sorted(made, key=lambda one: (math.isnan(one.score.value), sign * one.score.value)))


def _key(event: Mapping[str, Any]) -> str:
    return str(event["label"]) if event["configuration"] is None else canonical_text(event["configuration"])


def _standing(
    role: str, event: Mapping[str, Any], evaluation: Evaluation, defaults: Sequence[float], score: Score
) -> Standing:
    samples = list(evaluation.samples) or ([] if evaluation.score is None else [evaluation.score])
    difference, verdict = compare_seeds(samples, defaults, score)
    (mean,) = TaskBootstrap(len(samples)).means(np.array([samples], dtype=float), score.range)
    seeds = seeds_to_separate(difference) if difference is not None and verdict == "tied" else None
    return Standing(role, event["label"], event["configuration"], evaluation, mean, difference, verdict, seeds)
