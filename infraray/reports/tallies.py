"""Counts and sums for each agent, made while a run's episodes are read, so that none has to be kept."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from infraray.reports.answers import AnswerTally
from infraray.reports.failures import ReasonTally
from infraray.reports.metrics import MetricTally
from infraray.statistics.sums import AgentSums


class Tallies:
    """All the figures of a leaderboard's row that need no pairing by task.

    Args:
        agents: the number of agents.
    """

    COLUMNS = ("status", "steps", "wall_s", "input_tokens", "output_tokens", "metrics", "failure", "extra")
    """The columns of the episodes that are read."""

    def __init__(self, agents: int) -> None:
        self.steps = AgentSums(agents)  # of finished episodes
        self.wall_s = AgentSums(agents)  # of finished episodes
        self.total_wall_s = AgentSums(agents)
        self.input_tokens = AgentSums(agents)
        self.output_tokens = AgentSums(agents)
        self.answers = AnswerTally(agents)
        self.failures = ReasonTally(agents)
        self.flaws = ReasonTally(agents)
        self.metrics = MetricTally(agents)

    def add(self, agent: NDArray[np.int32], batch: pa.RecordBatch) -> None:
        """Counts episodes.

        Args:
            agent: for each row, the agent's number.
            batch: with `COLUMNS`.
        """
        steps, wall_s = numbers(batch["steps"]), numbers(batch["wall_s"])
        finished = pc.fill_null(pc.equal(batch["status"], "finished"), False)
        is_finished = finished.to_numpy(zero_copy_only=False)
        self.steps.add(agent[is_finished], steps[is_finished])
        self.wall_s.add(agent[is_finished], wall_s[is_finished])
        self.total_wall_s.add(agent, wall_s)
        self.input_tokens.add(agent, numbers(batch["input_tokens"]))
        self.output_tokens.add(agent, numbers(batch["output_tokens"]))
        self.answers.add(agent, batch["extra"], steps)
        self.failures.add(agent[~is_finished], batch["failure"].filter(pc.invert(finished)))
        # A finished episode may have ended in a noteworthy way, such as at the step limit.
        flawed = pc.and_(finished, pc.is_valid(batch["failure"]))
        self.flaws.add(agent[flawed.to_numpy(zero_copy_only=False)], batch["failure"].filter(flawed))
        self.metrics.add(agent[is_finished], batch["metrics"].filter(finished))


def numbers(column: pa.Array) -> NDArray[np.float64]:
    """A numeric or boolean column, null as NaN."""
    found: NDArray[np.float64] = pc.fill_null(pc.cast(column, pa.float64()), np.nan).to_numpy(zero_copy_only=False)
    return found
