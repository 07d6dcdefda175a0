"""The columns of the stored tables: one with a row per episode, one with a row per step.

The schema has a version. Within a version it never changes (readers that join files trip over
drift); new, rare facts go into the JSON columns. A new version adds columns, marked ``since``, and leaves the
others unchanged: files of older versions are read as if the new columns were null (`conform`).
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from infraray.version import SCHEMA_VERSION


@dataclass(frozen=True)
class Column:
    """A column: its Arrow type, unit ("" for none), a one-sentence description, and the first schema that has it."""

    name: str
    type: pa.DataType
    unit: str
    description: str
    since: int = 1


SEQUENCES = pa.list_(
    pa.struct(
        [
            pa.field("prompt_ids", pa.list_(pa.int32())),
            pa.field("response_ids", pa.list_(pa.int32())),
            pa.field("response_mask", pa.list_(pa.int8())),
            pa.field("response_logprobs", pa.list_(pa.float32())),
            pa.field("answer_steps", pa.list_(pa.int32())),
            pa.field("oldest_version", pa.int64()),
            pa.field("newest_version", pa.int64()),
        ]
    )
)
"""Token sequences, see `infraray.training.sequences.TokenSequence`."""

ROLLOUT = pa.struct(
    [
        pa.field("group", pa.string()),
        pa.field("reward", pa.float64()),
        pa.field("ending", pa.string()),
        pa.field("sequences", SEQUENCES),
    ]
)
"""What a trainer learns from, see `infraray.training.record`."""

EPISODE_COLUMNS = (
    Column("episode_id", pa.string(), "", "hash of what the episode is: entry, seed and repetition, 32 hex digits"),
    Column("run", pa.string(), "", "the run's name"),
    Column("scenario", pa.string(), "", "the scenario's name"),
    Column("scenario_label", pa.string(), "", "what the run calls this scenario with these parameters"),
    Column("version", pa.int32(), "1", "the scenario's version"),
    Column("parameters", pa.string(), "JSON", "the scenario's parameters, defaults filled in"),
    Column("options", pa.string(), "JSON", "the environment's options: text, invalid_action, ..."),
    Column("level", pa.int32(), "1", "difficulty"),
    Column("seed", pa.int64(), "", "the task's seed; equal seeds are equal tasks for every agent"),
    Column("agent", pa.string(), "", "the agent's spec"),
    Column("repetition", pa.int32(), "1", "counts episodes of one agent on one task from 0"),
    Column("status", pa.string(), "", "finished or failed"),
    Column("score", pa.float64(), "scenario", "the scenario's score; null where the episode failed"),
    Column("floor", pa.float64(), "scenario", "the random agent's score on the same task"),
    Column("bound", pa.float64(), "scenario", "the best score known or provable for the same task"),
    Column("normalized_score", pa.float64(), "1", "0 at the floor, 1 at the bound; null where that is not better"),
    Column("higher_is_better", pa.bool_(), "", "whether a higher score is better"),
    Column("correct", pa.bool_(), "", "whether the task was solved; null where not defined"),
    Column("safe", pa.bool_(), "", "whether every step was safe; null where not defined"),
    Column("steps", pa.int64(), "1", "calls of step()"),
    Column("return", pa.float64(), "reward", "sum of the rewards"),
    Column("metrics", pa.string(), "JSON", "further figures by name, the unit in the name"),
    Column("attempts", pa.int32(), "1", "times the episode was begun until it finished or was given up"),
    Column("started_at", pa.timestamp("us", tz="UTC"), "", "when the last attempt began"),
    Column("wall_s", pa.float64(), "s", "duration of the last attempt"),
    Column("input_tokens", pa.int64(), "1", "prompt tokens; null for agents without a model"),
    Column("output_tokens", pa.int64(), "1", "generated tokens; null for agents without a model"),
    Column("failure", pa.string(), "", "the kind of failure and its reason; null where there is none"),
    Column("extra", pa.string(), "JSON", "facts of the episode that have no column of their own"),
    Column("rollout", ROLLOUT, "", "what a trainer learns from; null unless a policy under training played", since=2),
)

STEP_COLUMNS = (
    Column("episode_id", pa.string(), "", "the episode"),
    Column("index", pa.int32(), "1", "counts the episode's steps from 0"),
    Column("text_observation", pa.string(), "", "the state in words before the action; null with text off"),
    Column(
        "numeric_observation", pa.list_(pa.float64()), "scenario", "the state in numbers; run.json names the fields"
    ),
    Column("action_said", pa.string(), "", "the action as the agent said it, a native one in the scenario's words"),
    Column("action_understood", pa.string(), "JSON", "the action that was carried out; null where none was"),
    Column("valid", pa.bool_(), "", "whether the agent's action was valid"),
    Column("invalid_reason", pa.string(), "", "why it was not"),
    Column("reward", pa.float64(), "reward", "the step's reward"),
    Column("terminated", pa.bool_(), "", "whether the task ended here"),
    Column("truncated", pa.bool_(), "", "whether a limit ended the episode here"),
    Column("safe", pa.bool_(), "", "whether the step was safe; null where not defined"),
    Column("latency_s", pa.float64(), "s", "time that the agent took to act"),
    Column("input_tokens", pa.int64(), "1", "prompt tokens; null for agents without a model"),
    Column("output_tokens", pa.int64(), "1", "generated tokens; null for agents without a model"),
    Column("extra", pa.string(), "JSON", "facts of the step that have no column of their own"),
)


def _fields(columns: tuple[Column, ...]) -> list[pa.Field]:
    about = ({"unit": one.unit, "description": one.description, "since": str(one.since)} for one in columns)
    return [pa.field(one.name, one.type, metadata=said) for one, said in zip(columns, about, strict=True)]


_METADATA = {"infraray_schema_version": str(SCHEMA_VERSION)}
EPISODES = pa.schema(_fields(EPISODE_COLUMNS), metadata=_METADATA)
STEPS = pa.schema(_fields(STEP_COLUMNS), metadata=_METADATA)

NESTED_STEPS = pa.list_(pa.struct(_fields(STEP_COLUMNS[1:])))
SEGMENT = pa.schema([*EPISODES, pa.field("steps_taken", NESTED_STEPS)], metadata=_METADATA)
"""A segment's rows are episodes with their steps inside, so that neither is ever visible without the other."""


def schema_version(found: pa.Schema) -> int | None:
    """The version of a file's schema; None if it states none."""
    said = (found.metadata or {}).get(b"infraray_schema_version", b"")
    return int(said) if said.isdigit() else None


def first_lacking(found: pa.Schema, wanted: pa.Schema) -> pa.Field | None:
    """The first column that a file of its version should have but lacks, or has with another type."""
    version, there = schema_version(found) or SCHEMA_VERSION, {field.name: field.type for field in found}
    return next((field for field in wanted if _since(field) <= version and there.get(field.name) != field.type), None)


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A batch of this schema or an older version of it, with null for missing columns."""
    there = dict(zip(batch.schema.names, batch.columns, strict=True))
    columns = [_grown(there.get(field.name), field.type, batch.num_rows) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def conform_table(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The same for a table."""
    return pa.Table.from_batches([conform(batch, schema) for batch in table.to_batches()], schema=schema)


def _since(field: pa.Field) -> int:
    return int((field.metadata or {}).get(b"since", b"1"))


def _grown(array: pa.Array | None, kind: pa.DataType, length: int) -> pa.Array:
    """A column of the given type; lists of steps get the fields that they lack."""
    if array is None:
        return pa.nulls(length, kind)
    if array.type == kind or not (pa.types.is_list(kind) and pa.types.is_struct(kind.value_type)):
        return array
    steps, fields = array.values, [kind.value_type.field(place) for place in range(kind.value_type.num_fields)]
    there = {steps.type.field(place).name: steps.field(place) for place in range(steps.type.num_fields)}
    grown = [_grown(there.get(field.name), field.type, len(steps)) for field in fields]
    return pa.ListArray.from_arrays(array.offsets, pa.StructArray.from_arrays(grown, fields=fields), type=kind)
