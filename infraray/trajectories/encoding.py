"""Encoding of played episodes as Arrow."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
import pyarrow as pa

from infraray.episodes import Step, Trajectory
from infraray.registration import find
from infraray.trajectories.answer_counts import count_faults
from infraray.trajectories.schema import EPISODES, NESTED_STEPS, SEGMENT, conform

_SCHEMA_MESSAGE = SEGMENT.serialize().to_pybytes()
_WRITE_OPTIONS = pa.ipc.IpcWriteOptions(compression="zstd")


@dataclass(frozen=True)
class Message:
    """Whole episodes as one encapsulated Arrow message of a segment, with its checksum.

    Args:
        body: the message's bytes, compressed.
        crc32: checksum of ``body``.
        ids: the episodes' identities, 16 bytes each.
    """

    body: bytes
    crc32: int
    ids: tuple[bytes, ...]


def encode(batch: pa.RecordBatch, ids: Sequence[bytes]) -> Message:
    """Compresses a batch of schema `SEGMENT` into a message that a segment appends unchanged."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, SEGMENT, options=_WRITE_OPTIONS) as writer:
        writer.write_batch(batch)
        end = sink.tell()
    # A stream starts with the schema's message, which the segment already holds.
    body = sink.getvalue()[len(_SCHEMA_MESSAGE) : end].to_pybytes()
    return Message(body, zlib.crc32(body), tuple(ids))


def decode(body: bytes, columns: Sequence[str] = SEGMENT.names, head: bytes = _SCHEMA_MESSAGE) -> pa.RecordBatch:
    """Reads a message back.

    Args:
        body: the message.
        columns: the columns to read.
        head: the message of its schema: the current one's, or an older one's.

    Returns:
        A batch with these columns of `SEGMENT`.

    Raises:
        pyarrow.ArrowException: it is damaged.
    """
    found = pa.ipc.read_schema(pa.BufferReader(head))
    places = [found.get_field_index(name) for name in columns if name in found.names]
    options = pa.ipc.IpcReadOptions(included_fields=places)
    with pa.ipc.open_stream(pa.BufferReader(head + body), options=options) as stream:
        batch = next(iter(stream), None)
    if batch is None:
        raise pa.ArrowInvalid("a message holds no episodes")
    return conform(batch, pa.schema([SEGMENT.field(name) for name in columns], SEGMENT.metadata))


def to_batch(run: str, trajectories: Sequence[Trajectory]) -> pa.RecordBatch:
    """Lays trajectories out as a batch of schema `SEGMENT`."""
    rows = [_episode_row(run, trajectory) for trajectory in trajectories]
    episodes = pa.RecordBatch.from_pylist(rows, schema=EPISODES)
    return pa.RecordBatch.from_arrays([*episodes.columns, _steps_array(trajectories)], schema=SEGMENT)


def _episode_row(run: str, trajectory: Trajectory) -> dict[str, Any]:
    entry, measures = trajectory.spec.entry, trajectory.measures
    registration = find(entry.scenario)
    return {
        "episode_id": trajectory.spec.id.hex(),
        "run": run,
        "scenario": registration.name,
        "scenario_label": entry.label,
        "version": registration.version,
        "parameters": to_json(entry.shown_parameters),
        "options": to_json(entry.options),
        "level": entry.level,
        "seed": trajectory.spec.seed,
        "agent": entry.agent,
        "repetition": trajectory.spec.repetition,
        "status": "failed" if measures is None else "finished",
        "score": _finite(measures.score) if measures is not None else None,
        "floor": _finite(trajectory.floor),
        "bound": _finite(trajectory.bound),
        "normalized_score": _finite(trajectory.normalized_score),
        "higher_is_better": trajectory.higher_is_better,
        "correct": measures.correct if measures is not None else None,
        "safe": measures.safe if measures is not None else None,
        "steps": len(trajectory.steps),
        "return": float(sum(step.reward for step in trajectory.steps)),
        "metrics": to_json(measures.metrics) if measures is not None else "{}",
        "attempts": trajectory.attempts,
        "started_at": trajectory.started_at,
        "wall_s": trajectory.wall_s,
        "input_tokens": _total(step.input_tokens for step in trajectory.steps),
        "output_tokens": _total(step.output_tokens for step in trajectory.steps),
        "failure": trajectory.failure,
        "extra": to_json(
            {
                "answers": count_faults(trajectory.steps),
                **_files(entry.files),
                **_cost(trajectory.steps),
                **trajectory.extra,
            }
        ),
        "rollout": trajectory.rollout,
    }


def _cost(steps: Sequence[Step]) -> dict[str, Any]:
    """The cost of the steps, if the agent has prices."""
    costs = [step.agent_extra.get("cost") for step in steps if step.agent_extra is not None]
    known = [cost for cost in costs if isinstance(cost, int | float)]
    return {"cost": float(sum(known))} if known else {}


def _files(files: Mapping[str, str]) -> dict[str, Any]:
    return {"files": dict(files)} if files else {}


def _steps_array(trajectories: Sequence[Trajectory]) -> pa.ListArray:
    steps = [step for trajectory in trajectories for step in trajectory.steps]
    # Most of the cost of packing is here: steps are taken apart all at once.
    fields_of_steps = zip(*steps, strict=True) if steps else repeat(())
    taken: dict[str, Sequence[Any]] = dict(zip(Step._fields, fields_of_steps, strict=False))
    infos, actions = taken["info"], [info["action"] for info in taken["info"]]
    columns: dict[str, Any] = {
        "index": np.concatenate([[], *(np.arange(len(found.steps)) for found in trajectories)]).astype(np.int32),
        "text_observation": [found.get("text_observation") for found in taken["observation"]],
        "numeric_observation": _numbers_array(taken["observation"]),
        "action_said": [_said(action) for action in taken["action"]],
        "action_understood": [None if action is None else to_json(action) for action in actions],
        "valid": [info["valid"] for info in infos],
        "invalid_reason": [info.get("reason") for info in infos],
        "safe": [info.get("safe") for info in infos],
        "extra": [_step_extra(info, agent) for info, agent in zip(infos, taken["agent_extra"], strict=True)],
        **{name: taken[name] for name in _AS_THEY_ARE},
    }
    fields = [NESTED_STEPS.value_type.field(position) for position in range(NESTED_STEPS.value_type.num_fields)]
    arrays = [
        column if isinstance(column, pa.Array) else pa.array(column, type=field.type)
        for field, column in ((field, columns[field.name]) for field in fields)
    ]
    offsets = np.cumsum([0, *(len(trajectory.steps) for trajectory in trajectories)]).astype(np.int32)
    return pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(arrays, fields=fields), type=NESTED_STEPS)


_AS_THEY_ARE = ("reward", "terminated", "truncated", "latency_s", "input_tokens", "output_tokens")
"""Columns that are fields of `Step`."""


def _step_extra(info: Mapping[str, Any], agent: Mapping[str, Any] | None) -> str | None:
    """What the environment says about the step and, under ``agent``, what the agent says."""
    extra = info.get("extra")
    if (timing := getattr(info, "timing", None)) is not None:
        extra = {**(extra or {}), "timing": timing}
    if agent is not None:
        extra = {**(extra or {}), "agent": agent}
    return None if extra is None else to_json(extra)


def _numbers_array(observations: Sequence[Mapping[str, Any]]) -> pa.ListArray:
    numbers = [observation.get("numeric_observation", ()) for observation in observations]
    offsets = np.cumsum([0, *map(len, numbers)]).astype(np.int32)
    values = np.concatenate(numbers) if numbers else np.empty(0)
    return pa.ListArray.from_arrays(offsets, pa.array(values, type=pa.float64()))


def to_json(value: Any) -> str:
    """JSON with sorted keys; arrays and NumPy scalars become lists and numbers, NaN becomes null."""
    if type(value) is int:  # most actions; several times faster than the encoder
        return str(value)
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):
        return _finite(value)
    return value if isinstance(value, str | int | bool | None) else repr(value)


def _said(action: Any) -> str:
    """Text unchanged, anything else as JSON; bounded, because an agent may answer anything."""
    said = action if isinstance(action, str) else to_json(action)
    whole = said if said.isascii() else said.encode("utf-8", "replace").decode()
    return whole[:100_000]


def _total(counts: Iterable[int | None]) -> int | None:
    """The sum of the known ones; None if none is known."""
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
