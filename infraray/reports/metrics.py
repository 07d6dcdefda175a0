"""Means of the further figures that a scenario measures beside its score."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from infraray.reports.selection import Results
from infraray.statistics.magnitude import scale_of

_ROWS_AT_ONCE = 4096


def mean_metrics(results: Results) -> dict[str, list[float]]:
    """Means over finished episodes, one list entry an agent, NaN for an agent without the metric."""
    found: dict[str, list[np.ndarray]] = {}
    owners: dict[str, list[np.ndarray]] = {}
    finished = results.where(pc.equal(results.table["status"], "finished"))
    texts, agents = results.table["metrics"].filter(pa.array(finished)), results.agent[finished]
    size = len(results.agents)
    for start in range(0, len(texts), _ROWS_AT_ONCE):
        parsed = _parse(texts.slice(start, _ROWS_AT_ONCE))
        agent = agents[start : start + _ROWS_AT_ONCE]
        for name in parsed.column_names:
            column = parsed[name]
            if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
                continue
            values = pc.fill_null(pc.cast(column, pa.float64()), np.nan).to_numpy()
            there = ~np.isnan(values)
            found.setdefault(name, []).append(values[there])
            owners.setdefault(name, []).append(agent[there])
    return {
        name: _means(np.concatenate(found[name]), np.concatenate(owners[name]), size)
        for name in sorted(found)
        if any(map(len, found[name]))
    }


def _means(values: np.ndarray, agent: np.ndarray, size: int) -> list[float]:
    """The mean of each agent's values; NaN without any."""
    scale = scale_of(values)
    sums, counts = np.bincount(agent, values / scale, minlength=size), np.bincount(agent, minlength=size)
    means: list[float] = (np.divide(sums, counts, out=np.full(size, np.nan), where=counts > 0) * scale).tolist()
    return means


def _parse(texts: pa.ChunkedArray) -> pa.Table:
    """JSON objects as a table, one row each."""
    lines = "\n".join(texts.to_pylist()).encode()
    options = pyarrow.json.ReadOptions(block_size=max(len(lines), 1))
    return pyarrow.json.read_json(io.BytesIO(lines), read_options=options)
