"""The leaderboard of one scenario: a row for every agent, best first."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from infraray.reports.answers import AnswerShares
from infraray.reports.selection import UNDEFINED, Results, Verdicts
from infraray.statistics.comparisons import Comparison, Comparisons, compare
from infraray.statistics.forfeits import Counted
from infraray.statistics.intervals import Estimate, TaskBootstrap
from infraray.statistics.magnitude import scale_of
from infraray.statistics.pass_at_k import Passes, passes
from infraray.statistics.power import seeds_to_separate
from infraray.statistics.ranking import order, ranks
from infraray.statistics.rates import estimate_rate
from infraray.statistics.sums import AgentSums
from infraray.statistics.task_scores import Floats


@dataclass(frozen=True)
class Row:
    """One agent's line.

    Args:
        rank: from 1, by `infraray.statistics.ranking`; None for an agent without a score, which comes last.
        shares_rank: whether another agent has the same.
        agent: its spec.
        score: mean over tasks, forfeited ones included, in score units.
        place: the position of the score between floor (0) and bound (1):
            (mean score - mean floor) / (mean bound - mean floor), over tasks that have all three.
        versus_best: paired against the first row; None in the first row and without a score.
        seeds_to_separate: the number that would separate it from the first row (`infraray.statistics.power`);
            None if they are already separated, or cannot be.
        episodes: the number collected.
        finished: how many of them finished.
        failed: how many were given up.
        failure: the most frequent reason; None if none failed.
        forfeited: how many count as forfeited (`infraray.statistics.forfeits`).
        unscored: finished episodes without a finite score; they count as forfeited.
        flawed: finished episodes that ended in a noteworthy way, such as at the step limit.
        flaw: the most frequent one; None if there is none.
        correct: rate of solved tasks, counting forfeited ones as unsolved; None if the scenario does not define it.
        safe: rate of tasks in which every step was safe, counting failed ones as unsafe; None if the scenario does
            not define it.
        steps: mean number of steps of a finished episode.
        wall_s: mean duration of a finished episode, s.
        total_wall_s: duration of all episodes, including failed ones, s.
        input_tokens: all prompt tokens; None for an agent without a model.
        output_tokens: all generated tokens; None for an agent without a model.
        answers: shares that were invalid, cut off, empty or refused; None if they were not counted.
        metrics: means of the scenario's further figures over finished episodes.
        passes: whether repetitions solve a task, any and all of them; None without repetitions, or if the
            scenario does not define what is correct.
    """

    rank: int | None
    shares_rank: bool
    agent: str
    score: Estimate
    place: Estimate
    versus_best: Comparison | None
    seeds_to_separate: int | None
    episodes: int
    finished: int
    failed: int
    failure: str | None
    forfeited: int
    unscored: int
    flawed: int
    flaw: str | None
    correct: Estimate | None
    safe: Estimate | None
    steps: float
    wall_s: float
    total_wall_s: float
    input_tokens: int | None
    output_tokens: int | None
    answers: AnswerShares | None
    metrics: Mapping[str, float]
    passes: Passes | None = None


@dataclass(frozen=True)
class Leaderboard:
    """The rows, best first, and the comparisons that they rest on.

    Args:
        rows: one for each planned agent.
        comparisons: between the agents that have a score.
        floor: mean over tasks of the random agent's score, in score units; NaN where unknown.
        bound: mean over tasks of the best score known or provable, in score units; NaN where unknown.
    """

    rows: tuple[Row, ...]
    comparisons: Comparisons
    floor: float
    bound: float

    @property
    def ranked(self) -> tuple[Row, ...]:
        """Those of the agents that have a score."""
        return tuple(row for row in self.rows if row.rank is not None)


def make_leaderboard(counted: Counted[Results]) -> Leaderboard:
    """Ranks the agents of a scenario.

    Args:
        counted: its results, forfeits counted.
    """
    results = counted.results
    bootstrap = TaskBootstrap(results.tasks)
    scores = bootstrap.means(results.task_means(results.scores), results.score.range)
    floor, bound = _shared(results, results.floors), _shared(results, results.bounds)
    places = _places(results, bootstrap)
    forfeits = dict(zip(results.agents, results.count(counted.forfeited).tolist(), strict=True))
    ordered = order(results, scores, forfeits)
    comparisons = compare(results, ordered, bootstrap, counted.forfeited)
    ranked = ranks([results.agents[index] for index in ordered], comparisons, forfeits)
    facts = _Facts(counted)
    rows = []
    for position, index in enumerate(ordered):
        agent = results.agents[index]
        versus_best = comparisons.of(agent, results.agents[ordered[0]]) if position else None
        tied = versus_best is not None and versus_best.verdict == "tied"
        rows.append(
            Row(
                rank=ranked[position],
                shares_rank=ranked.count(ranked[position]) > 1,
                agent=agent,
                score=scores[index],
                place=places[index],
                versus_best=versus_best,
                seeds_to_separate=seeds_to_separate(versus_best.difference) if versus_best and tied else None,
                **facts.of(index),
            )
        )
    unranked = [index for index, score in enumerate(scores) if not score.n]
    rows += [
        Row(None, False, results.agents[index], scores[index], places[index], None, None, **facts.of(index))
        for index in unranked
    ]
    return Leaderboard(tuple(rows), comparisons, floor, bound)


def _shared(results: Results, values: Floats) -> float:
    """Mean over tasks of a figure that belongs to the task, such as its floor."""
    known = ~np.isnan(values) & ~np.isnan(results.scores)
    scale = scale_of(values)
    sums = np.bincount(results.task[known], values[known] / scale, minlength=results.tasks)
    counts = np.bincount(results.task[known], minlength=results.tasks)
    return float((sums[counts > 0] / counts[counts > 0]).mean() * scale) if known.any() else math.nan


def _places(results: Results, bootstrap: TaskBootstrap) -> list[Estimate]:
    # Halves, so that a difference of large scores stays finite; halving is exact and keeps the ratio.
    gained, span = results.scores / 2 - results.floors / 2, results.bounds / 2 - results.floors / 2
    # A task counts only with all three, so that numerator and denominator are over the same tasks.
    unknown = np.isnan(gained) | np.isnan(span)
    gained[unknown], span[unknown] = np.nan, np.nan
    return bootstrap.ratios(results.task_means(gained), results.task_means(span))


class _Facts:
    """The parts of a row that are counts and plain means."""

    def __init__(self, counted: Counted[Results]) -> None:
        results = counted.results
        self.tallies = results.tallies
        self.episodes = results.count(np.ones_like(results.finished))
        self.finished = results.count(results.finished)
        self.forfeited = results.count(counted.forfeited)
        self.unscored = results.count(counted.unscored)
        self.correct = _rates(counted, results.correct)
        self.safe = _rates(counted, results.safe)
        self.passes = _passes(counted)
        self.answers = self.tallies.answers.shares()
        self.metrics = self.tallies.metrics.means()

    def of(self, index: int) -> dict[str, Any]:
        """The fields of `Row` for one agent."""
        tallies = self.tallies
        return {
            "episodes": int(self.episodes[index]),
            "finished": int(self.finished[index]),
            "failed": int(tallies.failures.counts[index]),
            "failure": tallies.failures.commonest(index),
            "forfeited": int(self.forfeited[index]),
            "unscored": int(self.unscored[index]),
            "flawed": int(tallies.flaws.counts[index]),
            "flaw": tallies.flaws.commonest(index),
            "correct": self.correct[index],
            "safe": self.safe[index],
            "passes": self.passes[index],
            "steps": float(tallies.steps.means[index]),
            "wall_s": float(tallies.wall_s.means[index]),
            "total_wall_s": float(tallies.total_wall_s.totals[index]),
            "input_tokens": _total(tallies.input_tokens, index),
            "output_tokens": _total(tallies.output_tokens, index),
            "answers": self.answers[index],
            "metrics": {name: means[index] for name, means in self.metrics.items() if not math.isnan(means[index])},
        }


def _judged(counted: Counted[Results], verdicts: Verdicts) -> Floats:
    """Verdicts as numbers, NaN where undefined; a forfeited episode counts as not having earned a good one."""
    values = np.where(verdicts == UNDEFINED, np.nan, verdicts)
    if (verdicts != UNDEFINED).any():
        values[counted.forfeited & (verdicts == UNDEFINED)] = 0.0
    return values


def _rates(counted: Counted[Results], verdicts: Verdicts) -> list[Estimate | None]:
    """The rate per agent; None for an agent for which it is never defined."""
    by_task = counted.results.task_means(_judged(counted, verdicts))
    tasks = (~np.isnan(by_task)).sum(axis=1)
    sums = np.nan_to_num(by_task).sum(axis=1)
    return [estimate_rate(total / n, int(n)) if n else None for total, n in zip(sums, tasks, strict=True)]


def _passes(counted: Counted[Results]) -> list[Passes | None]:
    """pass@k and pass^k of each agent, over the tasks with verdicts."""
    results, values = counted.results, _judged(counted, counted.results.correct)
    shape = len(results.agents), results.tasks
    attempts = np.bincount(results.cells(~np.isnan(values)), minlength=shape[0] * shape[1]).reshape(shape)
    successes = np.bincount(results.cells(values > 0), minlength=shape[0] * shape[1]).reshape(shape)
    # Few different pairs (attempts, successes), however many tasks.
    base = int(attempts.max(initial=0)) + 1
    found = []
    for mine, solved in zip(attempts, successes, strict=True):
        pairs, tasks = np.unique(mine * base + solved, return_counts=True)
        found.append(passes({divmod(int(pair), base): int(n) for pair, n in zip(pairs, tasks, strict=True)}))
    return found


def _total(sums: AgentSums, index: int) -> int | None:
    return round(float(sums.totals[index])) if sums.counts[index] else None
