"""Changes to an episode that was played again: which verdicts changed, and whether it took another path."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infraray.episodes import Trajectory
from infraray.rescoring.stored_answers import AnswersRanOut, StoredAnswers
from infraray.trajectories.stored_episode import StoredEpisode, read_json

_JUDGED = ("status", "score", "floor", "bound", "correct", "safe", "return", "failure")


@dataclass(frozen=True)
class Changes:
    """An episode before and after.

    Args:
        names: the columns that changed, and ``metrics``, ``validity``, ``rewards``.
        diverged: whether it took another path than the stored one.
    """

    names: list[str]
    diverged: bool

    def __bool__(self) -> bool:
        """Whether there are any."""
        return self.diverged or bool(self.names)


def find_changes(
    episode: StoredEpisode, after: Mapping[str, Any], trajectory: Trajectory, answers: StoredAnswers
) -> Changes:
    """Compares a stored episode with its replay.

    Args:
        episode: as it was stored.
        after: the new episode's columns of `schema.EPISODES` by name.
        trajectory: the same with its steps.
        answers: the agent that played it.
    """
    before = episode.row
    ran_out = trajectory.measures is None and str(trajectory.failure).startswith(AnswersRanOut.__name__)
    names = [column for column in _JUDGED if not _same(before[column], after[column])]
    if not _same(read_json(before["metrics"]), read_json(after["metrics"])):
        names.append("metrics")
    if [step["valid"] for step in episode.steps] != [step.info["valid"] for step in trajectory.steps]:
        names.append("validity")
    if not _same([step["reward"] for step in episode.steps], [step.reward for step in trajectory.steps]):
        names.append("rewards")
    return Changes(names, answers.diverged_at is not None or ran_out)


def _same(before: Any, after: Any) -> bool:
    """Whether two values are equal, up to the last digits of a number."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return before.keys() == after.keys() and all(_same(before[name], after[name]) for name in before)
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(_same, before, after))
    if isinstance(before, float) and isinstance(after, int | float):
        return math.isclose(before, after, rel_tol=1e-9)
    return bool(before == after)
