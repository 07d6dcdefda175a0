"""The shares of an agent's answers that were invalid, cut off, empty or refused."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from infraray.trajectories.answer_counts import ANSWER_FAULTS


@dataclass(frozen=True)
class AnswerShares:
    """Shares of an agent's answers in all its episodes, failed ones too.

    Args:
        answers: the number that it gave.
        invalid: without a valid action.
        cut: cut off at the limit of tokens.
        empty: without a word.
        refused: refused by the model or a filter.
    """

    answers: int
    invalid: float
    cut: float
    empty: float
    refused: float

    @property
    def are_all_well(self) -> bool:
        """Whether none had a fault."""
        return not (self.invalid or self.cut or self.empty or self.refused)


class AnswerTally:
    """Counts of agents' answers, in all their episodes.

    Args:
        agents: the number of agents.
    """

    def __init__(self, agents: int) -> None:
        self._answers = np.zeros(agents)
        self._faults = np.zeros((agents, len(ANSWER_FAULTS)))

    def add(self, agent: NDArray[np.int32], extra: pa.Array, steps: NDArray[np.float64]) -> None:
        """Adds episodes.

        Args:
            agent: for each, the agent's number.
            extra: the column with that name, which holds the counts.
            steps: the number that each has; NaN if unknown.
        """
        distinct = pc.unique(extra)
        which = pc.index_in(extra, distinct).to_numpy(zero_copy_only=False).astype(np.int64)
        faults, is_counted = _faults(distinct)
        counted = is_counted[which] & ~np.isnan(steps)
        np.add.at(self._answers, agent[counted], steps[counted])
        np.add.at(self._faults, agent[counted], faults[which[counted]])

    def shares(self) -> list[AnswerShares | None]:
        """The shares per agent; None if nothing was counted or nothing was answered."""
        return [
            AnswerShares(round(answers), *(total / answers for total in totals)) if answers else None
            for answers, totals in zip(self._answers.tolist(), self._faults.tolist(), strict=True)
        ]


def _faults(distinct: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """For each text of the column ``extra``: its counts, shape (texts, faults), and whether it has any."""
    counts = np.zeros((len(distinct), len(ANSWER_FAULTS)))
    is_counted = np.zeros(len(distinct), np.bool_)
    for row, text in enumerate(distinct.to_pylist()):
        found = json.loads(text).get("answers") if text is not None else None
        if isinstance(found, dict):
            is_counted[row] = True
            counts[row] = [found.get(fault, 0) for fault in ANSWER_FAULTS]
    return counts, is_counted
