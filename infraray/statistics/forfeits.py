"""What an episode counts for that an agent's own failure ended: a forfeit.

Forfeited is an episode that failed (an exception, the time limit, the death of its worker), that an invalid
answer ended, or that has no finite score. Left out, it would flatter: who raises on the hard tasks would be
judged by the easy ones. It counts as the worst of

- the task's floor, the random agent's score, and
- every score that anybody played on that task.

The floor alone would reward whoever plays worse than chance for raising instead. So nobody who forfeits a
task stands before anybody who played it; and as long as chance or somebody else played it no better than
the one who forfeits would have, neither its mean, its place nor any of its differences gains. (To exclude
that among scores without a limit, a forfeit would have to count as infinitely bad, and one time-out in a
thousand tasks would put an agent below chance.)

An episode that an invalid answer ended is stored with the floor of as much as it played, which may be the
easy beginning; here it counts like the others. Where nobody has a score on a task and its floor is not known
either, a forfeit of it stays without a score.

What is owed to a failure of ours, of the machine or of a provider is not recorded but played again, so that
none of it is here.
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
        results: their scores, floors and bounds are filled in where an episode was forfeited.
        forfeited: for each row, whether it was.
        unscored: for each row, whether it finished and has no finite score.
    """

    results: Results
    forfeited: Booleans
    unscored: Booleans


def count_forfeits(results: Results) -> Counted[Results]:
    """Fills in what forfeited episodes count for."""
    unscored = np.isnan(results.scores) & results.finished & ~results.ended
    forfeited = np.isnan(results.scores) | results.ended
    if not forfeited.any():
        return Counted(results, forfeited, unscored)
    worst, best = (np.fmin, np.fmax) if results.score.higher_is_better else (np.fmax, np.fmin)
    # A floor that belongs to the beginning of a task counts only where nothing else is known of it.
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
    """The values, with that of the task where an episode was forfeited."""
    filled = values.copy()
    filled[forfeited] = by_task[results.task[forfeited]]
    return filled


def _of_tasks(results: TaskScores, pick: np.ufunc, *values: Floats) -> Floats:
    """One figure a task, picked from the first of ``values`` that has any; NaN where none has."""
    found = np.full(results.tasks, np.nan)
    for column in values:
        picked = np.full(results.tasks, np.nan)
        pick.at(picked, results.task, column)
        found = np.where(np.isnan(found), picked, found)
    return found
