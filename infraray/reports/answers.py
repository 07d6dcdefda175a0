"""The shares of an agent's answers that were invalid, cut off, empty or refused."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from infraray.reports.selection import Results
from infraray.trajectories.answer_counts import ANSWER_FAULTS


@dataclass(frozen=True)
class AnswerShares:
    """Shares of an agent's answers in all its episodes, failed ones too.

    Args:
        answers: how many it gave.
        invalid: without a valid action.
        cut: cut off at the most tokens.
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
        """Whether nothing was amiss with any."""
        return not (self.invalid or self.cut or self.empty or self.refused)


def answer_shares(results: Results) -> list[AnswerShares | None]:
    """The shares per agent; None where nothing was counted, as by an earlier version, or nothing was answered."""
    extra = results.table["extra"].combine_chunks()
    distinct = pc.unique(extra)
    which = pc.index_in(extra, distinct).to_numpy(zero_copy_only=False).astype(np.int64)
    faults, is_counted = _faults(distinct)
    counted = is_counted[which]
    steps = results.sum(np.where(counted, results.column("steps"), 0.0))
    totals = [results.sum(np.where(counted, faults[which, column], 0.0)) for column in range(len(ANSWER_FAULTS))]
    return [
        AnswerShares(round(answers), *(float(total[agent] / answers) for total in totals)) if answers else None
        for agent, answers in enumerate(steps.tolist())
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
