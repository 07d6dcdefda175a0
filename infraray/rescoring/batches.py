"""Rescored episodes in the form in which they are stored."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from infraray.rescoring.changes import Changes
from infraray.rescoring.stored_answers import StoredAnswers
from infraray.trajectories.encoding import to_json
from infraray.trajectories.schema import SEGMENT
from infraray.trajectories.stored_episode import StoredEpisode


def rescored(
    batch: pa.RecordBatch, after: Mapping[str, Any], episode: StoredEpisode, answers: StoredAnswers, changes: Changes
) -> pa.RecordBatch:
    """An episode that was played again, schema `SEGMENT`, with the stored episode's identity and spending.

    Args:
        batch: the new episode.
        after: its columns of `schema.EPISODES` by name.
        episode: as it was stored.
        answers: the agent that played it again.
        changes: between the two.
    """
    before = episode.row
    told = {
        "changed": changes.names,
        "diverged": changes.diverged,
        "diverged_at_step": answers.diverged_at,
        "answers_passed_over": len(episode.steps) - len(answers.used),
        "score_before": before["score"],
    }
    kept = {
        "episode_id": before["episode_id"],
        "input_tokens": before["input_tokens"],
        "output_tokens": before["output_tokens"],
        "extra": to_json({**json.loads(before["extra"] or "{}"), **json.loads(after["extra"]), "rescored": told}),
    }
    for column, value in kept.items():
        position = SEGMENT.get_field_index(column)
        data = pa.array([value], SEGMENT.field(position).type)
        batch = batch.set_column(position, SEGMENT.field(position), data)
    return batch


def copied(episode: StoredEpisode, name: str) -> pa.RecordBatch:
    """A stored episode, unchanged but for the new run's name."""
    steps = [{column: step[column] for column in step if column != "episode_id"} for step in episode.steps]
    return pa.RecordBatch.from_pylist([{**episode.row, "run": name, "steps_taken": steps}], schema=SEGMENT)
