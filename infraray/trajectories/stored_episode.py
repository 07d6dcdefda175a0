"""A stored episode: its row, its steps, and the times at which its agent thought."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple


class Span(NamedTuple):
    """A period of time, in seconds since the epoch."""

    start: float
    end: float


@dataclass(frozen=True)
class StoredEpisode:
    """An episode as it is stored in a run.

    Args:
        row: the columns of `schema.EPISODES` by name.
        steps: for each step, the columns of `schema.STEPS` by name.
    """

    row: Mapping[str, Any]
    steps: Sequence[Mapping[str, Any]]

    @cached_property
    def extras(self) -> list[dict[str, Any]]:
        """For each step, its ``extra`` column; empty if it has none."""
        return [read_json(step["extra"]) for step in self.steps]

    @property
    def agent_records(self) -> list[dict[str, Any]]:
        """For each step, what the agent recorded: messages, completion, ...; empty for agents without a model."""
        return [extra.get("agent") or {} for extra in self.extras]

    @property
    def times(self) -> list[Span]:
        """For each step, when the agent thought about it.

        The latencies are measured. The rest of the episode's duration, the environment's time, is not
        measured per step and is spread evenly.
        """
        latencies = [float(step["latency_s"] or 0.0) for step in self.steps]
        rest = max(0.0, float(self.row["wall_s"] or 0.0) - sum(latencies)) / max(1, len(latencies))
        at = self.row["started_at"].timestamp()
        spans = []
        for latency in latencies:
            spans.append(Span(at, at + latency))
            at += latency + rest
        return spans


def read_json(text: str | None) -> dict[str, Any]:
    """A JSON column's object, empty for null; halves of surrogate pairs, which no file can hold, become ``?``."""
    if text is None:
        return {}
    found: dict[str, Any] = json.loads(text)
    if "\\ud" in text:
        found = json.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace").decode())
    return found
