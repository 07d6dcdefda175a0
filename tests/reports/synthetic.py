"""Runs that were never played: a table of episodes and a manifest, made from arrays."""

import hashlib
import json
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from infraray.episodes import episode_id
from infraray.trajectories.manifest import Manifest
from infraray.trajectories.schema import EPISODES

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    '"><script>alert(2)</script>',
    "scripted:$x_1$ 日本語 🎉",
    "a|b*c`d`",
    "[red]x[/red]\x1b[31m",
    "chat:Qwen/Qwen3-8B@http://host:8000/v1?strategy=react&temperature=0.7",
]


def episodes(scores, label="costs", agents=None, higher=False, **columns):
    """A table of schema `EPISODES`; NaN scores are failed episodes.

    ``scores`` has shape (agents, tasks) or (agents, tasks, repetitions); columns of the same shape,
    or one value, may be given.
    """
    scores = np.asarray(scores, dtype=float)
    if scores.ndim == 2:
        scores = scores[:, :, None]
    shape, n = scores.shape, scores.size
    agents = agents if agents is not None else [f"agent:{index}" for index in range(shape[0])]
    agent, task, repetition = (index.ravel() for index in np.indices(shape))
    flat = scores.ravel()
    failed = np.isnan(flat)
    defaults = {
        "episode_id": np.full(n, ""),
        "run": "synthetic",
        "scenario": label,
        "scenario_label": label,
        "version": 0,
        "parameters": '{"servers":3}',
        "options": '{"text":true}',
        "level": 1,
        "seed": task,
        "agent": np.array(agents, dtype=object)[agent],
        "repetition": repetition,
        "status": np.where(failed, "failed", "finished"),
        "score": flat,
        "floor": 10.0,
        "bound": 1.0,
        "normalized_score": (flat - 10) / (1 - 10),
        "higher_is_better": higher,
        "correct": None,
        "safe": None,
        "steps": 250,
        "return": 0.0,
        "metrics": "{}",
        "attempts": 1,
        "started_at": np.arange(n),
        "wall_s": 0.5,
        "input_tokens": None,
        "output_tokens": None,
        "failure": np.where(failed, "TimeLimit: too slow", None),
        "extra": None,
        "rollout": None,
    }
    data = {**defaults, **columns}
    table = pa.table({field.name: _column(data[field.name], field.type, shape) for field in EPISODES}, schema=EPISODES)
    identity = ("scenario_label", "parameters", "level", "agent", "seed", "repetition")
    rows = zip(*(table[name].to_pylist() for name in identity), strict=True)
    ids = [episode_id(digest(*entry), seed, number).hex() for *entry, seed, number in rows]
    return table.set_column(0, EPISODES.field(0), pa.array(ids))


@cache
def digest(label, parameters, level, agent):
    """Stands for an entry's digest."""
    return hashlib.sha256(json.dumps([label, parameters, level, agent]).encode()).digest()


def _column(values, kind, shape):
    values = np.asarray(values)
    if values.ndim != 1:
        values = np.broadcast_to(values[:, :, None] if values.ndim == 2 else values, shape).ravel()
    if values.dtype.kind == "f":
        return pa.array(values, mask=np.isnan(values)).cast(kind)
    return pa.array(values.tolist()).cast(kind)


def manifest(*tables, owed=0, agents=None, seeds=None):
    """What ``run.json`` holds for tables of one scenario each; ``owed`` episodes more are planned for the first."""
    scenarios = {}
    for index, table in enumerate(tables):
        label = table["scenario_label"][0].as_py()
        playing = agents or list(dict.fromkeys(table["agent"].to_pylist()))
        scenarios[label] = {
            "scenario": label,
            "version": 0,
            "parameters": {"servers": 3},
            "options": {"text": True},
            "level": 1,
            "score": {"name": "cost", "unit": "s", "higher_is_better": table["higher_is_better"][0].as_py()},
            "observation": [],
            "agents": playing,
            "digests": {agent: digest(label, '{"servers":3}', 1, agent).hex() for agent in playing},
            "seeds": seeds or {"start": 0, "stop": 10_000_000},
            "repetitions": 1000,
            "owed_total": table.num_rows + (owed if index == 0 else 0),
        }
    return Manifest.model_validate(
        {
            "schema_version": 1,
            "name": "synthetic",
            "infraray_version": "0.1.0",
            "created_at": "2026-01-02T03:04:05+00:00",
            "scenarios": scenarios,
        }
    )


def write_run(path, *tables, **changes):
    """Writes a run's folder as `infraray.trajectories` would."""
    path = Path(path)
    (path / "episodes").mkdir(parents=True)
    for index, table in enumerate(tables):
        pq.write_table(table, path / "episodes" / f"part-{index}.parquet")
    (path / "run.json").write_text(json.dumps({**manifest(*tables).model_dump(mode="json"), **changes}))
    return path
