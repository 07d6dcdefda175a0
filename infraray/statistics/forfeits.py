"""Forfeits: the score that counts for an episode ended by the agent's own failure.

An episode is forfeited if it failed (an exception, the time limit, the death of its worker), if an invalid answer
ended it, or if it has no finite score. Leaving it out would flatter: an agent that raises on the hard tasks would be
judged by the easy ones. It counts as the worst of

- the task's floor, the random agent's score, and
- every score that anybody reached on that task.

The floor alone would reward an agent that plays worse than chance for raising instead. This way, no agent that
forfeits a task ranks above one that played it; and as long as chance or another agent did no better on it than the
forfeiting agent would have, forfeiting improves neither its mean, its rank nor any of its differences. (To rule that
out entirely for unbounded scores, a forfeit would have to count as infinitely bad, and one time-out in a thousand
tasks would put an agent below chance.)

An episode ended by an invalid answer is stored with the floor of the part that it played, which may be the easy
beginning; here it counts like the others. If nobody has a score on a task and its floor is unknown too, its forfeits
stay without a score.

Failures of infraray, the machine or a provider are not recorded but played again, so none of them appear here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import numpy as np

from infraray.statistics.task_scores import Booleans, Floats, TaskScores

Results = TypeVar("Results", bound=TaskScores)


@dataclass(frozen=True)
class Counted(Generic[Results]):
    """Results with forfeits counted.

    Args:
        results: the results, with scores, floors and bounds filled in where an episode was forfeited.
        forfeited: for each row, whether it was forfeited.
        unscored: for each row, whether it finished and has no finite score.
    """

    results: Results
    forfeited: Booleans
    unscored: Booleans


def count_forfeits(results: Results) -> Counted[Results]:
    """Fills in the scores that forfeited episodes count for."""
    unscored = np.isnan(results.scores) & results.finished & ~results.ended
    forfeited = np.isnan(results.scores) | results.ended
    if not forfeited.any():
        return Counted(results, forfeited, unscored)
    worst, best = (np.fmin, np.fmax) if results.score.higher_is_better else (np.fmax, np.fmin)
    # A floor that covers only the beginning of a task counts only if nothing else is known about the task.
    floor = _of_tasks(results, worst, np.where(results.ended, np.nan, results.floors), results.floors)
    bound = _of_tasks(results, best, np.where(results.ended, np.nan, results.bounds), results.bounds)
    played = _of_tasks(results, worst, np.where(forfeited, np.nan, results.scores))
    counted = worst(floor, played)
    filled = replace(
        results,
        scores=_filled(results, forfeited, counted, results.scores),
        floors=_filled(results, forfeited, floor, results.floors),
        bounds=_filled(results, forfeited, bound, results.bounds),
    )
    return Counted(filled, forfeited, unscored)


def _filled(results: TaskScores, forfeited: Booleans, by_task: Floats, values: Floats) -> Floats:
    """The values, replaced by the task's value where an episode was forfeited."""
    filled = values.copy()
    filled[forfeited] = by_task[results.task[forfeited]]
    return filled


def _of_tasks(results: TaskScores, pick: np.ufunc, *values: Floats) -> Floats:
    """One figure per task, from the first of ``values`` that has one; NaN if none has."""
    found = np.full(results.tasks, np.nan)
    for column in values:
        picked = np.full(results.tasks, np.nan)
        pick.at(picked, results.task, column)
        found = np.where(np.isnan(found), picked, found)
    return found
