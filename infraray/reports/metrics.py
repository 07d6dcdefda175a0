"""Means of a scenario's metrics, which it measures in addition to its score."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json
from numpy.typing import NDArray

from infraray.statistics.sums import AgentSums


class MetricTally:
    """Sums of a scenario's metrics over finished episodes, by name.

    Args:
        agents: the number of agents.
    """

    def __init__(self, agents: int) -> None:
        self._agents = agents
        self._sums: dict[str, AgentSums] = {}

    def add(self, agent: NDArray[np.int32], texts: pa.Array) -> None:
        """Adds episodes; ``texts`` are JSON objects, ``agent`` gives the agent of each."""
        if not len(texts):
            return
        parsed = _parse(texts)
        for name in parsed.column_names:
            column = parsed[name]
            if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
                values = pc.fill_null(pc.cast(column, pa.float64()), np.nan).to_numpy()
                self._sums.setdefault(name, AgentSums(self._agents)).add(agent, values)

    def means(self) -> dict[str, list[float]]:
        """The means by name, one list entry per agent; NaN for an agent without the metric."""
        return {name: sums.means.tolist() for name, sums in sorted(self._sums.items()) if sums.counts.any()}


def _parse(texts: pa.Array) -> pa.Table:
    """JSON objects as a table, one row each."""
    lines = "\n".join(texts.to_pylist()).encode()
    options = pyarrow.json.ReadOptions(block_size=max(len(lines), 1))
    return pyarrow.json.read_json(io.BytesIO(lines), read_options=options)
