"""Stored episodes one by one, each with its steps, in little memory however large the run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from infraray.errors import InfrarayError
from infraray.trajectories.encoding import decode
from infraray.trajectories.parts import Part, first_of
from infraray.trajectories.reader import Run
from infraray.trajectories.schema import STEPS
from infraray.trajectories.segments import read_messages

METADATA = (
    "episode_id",
    "run",
    "scenario",
    "scenario_label",
    "version",
    "parameters",
    "level",
    "seed",
    "agent",
    "repetition",
    "status",
    "score",
    "floor",
    "bound",
    "normalized_score",
    "higher_is_better",
    "correct",
    "safe",
    "steps",
    "return",
    "metrics",
)
"""Columns of an episode that chats and spans tell, always all of them."""

STEPS_AT_ONCE = 256
"""Rows of steps that are decoded together: with its prompts a step of an LLM can take 100 KB."""


class Span(NamedTuple):
    """From when to when something lasted, in seconds since the epoch."""

    start: float
    end: float


@dataclass(frozen=True)
class StoredEpisode:
    """An episode as it lies in the run.

    Args:
        row: the columns of `schema.EPISODES` by name.
        steps: for each step the columns of `schema.STEPS` by name.
    """

    row: Mapping[str, Any]
    steps: Sequence[Mapping[str, Any]]

    @cached_property
    def extras(self) -> list[dict[str, Any]]:
        """For each step its ``extra`` column; empty where there is none."""
        return [read_json(step["extra"]) for step in self.steps]

    @property
    def agent_records(self) -> list[dict[str, Any]]:
        """For each step what the agent recorded: messages, completion, ...; empty for agents without a model."""
        return [extra.get("agent") or {} for extra in self.extras]

    @property
    def times(self) -> list[Span]:
        """For each step, when the agent thought about it.

        The latencies are measured. What is left of the episode's duration, the environment's time,
        is not measured by step and spread evenly.
        """
        latencies = [float(step["latency_s"] or 0.0) for step in self.steps]
        rest = max(0.0, float(self.row["wall_s"] or 0.0) - sum(latencies)) / max(1, len(latencies))
        at = self.row["started_at"].timestamp()
        spans = []
        for latency in latencies:
            spans.append(Span(at, at + latency))
            at += latency + rest
        return spans


@dataclass(frozen=True)
class Selection:
    """Which episodes are wanted.

    Args:
        agent: a pattern with ``*`` and ``?`` that the agent's spec must match; None for all.
        scenario: the run's label of the scenario; None for all.
    """

    agent: str | None = None
    scenario: str | None = None

    def wants(self, row: Mapping[str, Any]) -> bool:
        """Whether an episode is wanted."""
        if self.scenario is not None and row["scenario_label"] != self.scenario:
            return False
        return self.agent is None or row["agent"] == self.agent or fnmatchcase(row["agent"], self.agent)

    def check(self, run: Run) -> None:
        """Refuses a selection that no episode of the run can meet.

        Raises:
            InfrarayError: one line with what the run holds.
        """
        scenarios: dict[str, Any] = run.manifest.get("scenarios", {})
        if self.scenario is not None and self.scenario not in scenarios:
            raise InfrarayError(f"{run.path}: has no scenario {self.scenario!r}; it has {', '.join(scenarios)}")
        agents = sorted({agent for found in scenarios.values() for agent in found["agents"]})
        labels = [self.scenario] if self.scenario is not None else list(scenarios)
        if not any(
            self.wants({"agent": agent, "scenario_label": label})
            for label in labels
            for agent in scenarios[label]["agents"]
        ):
            raise InfrarayError(f"{run.path}: no agent matches {self.agent!r}; the run has {', '.join(agents)}")


def count_episodes(run: Run) -> int:
    """How many episodes are collected, selected or not; about, while the run goes on.

    Raises:
        InfrarayError: a file cannot be believed.
    """
    parts, segments, _ = run.parts()
    count = sum(int(part.new.sum()) for part in parts)
    for segment in segments:
        with _explaining(run, segment):
            bodies = read_messages(segment)
            count += sum(batch.num_rows for body in bodies for batch in decode([body], ["episode_id"]))
    return count


def read_episodes(run: Run, *, numbers: bool = True) -> Iterator[tuple[Mapping[str, Any], Steps]]:
    """Yields each collected episode's row once, and its steps, which are decoded only when they are asked for.

    Args:
        run: the run; may be read while it goes on.
        numbers: whether the steps carry ``numeric_observation``.

    Raises:
        InfrarayError: a file cannot be believed.
    """
    columns = [name for name in STEPS.names if numbers or name != "numeric_observation"]
    parts, segments, index = run.parts()
    for part in parts:
        with _explaining(run, part.episodes):
            for (row, steps), is_new in zip(_read_parquet(part, columns), part.new, strict=True):
                if is_new:
                    yield row, steps
    for segment in segments:
        with _explaining(run, segment):
            for row, steps in _read_segment(segment):
                if first_of([bytes.fromhex(row["episode_id"])], index)[0]:
                    yield row, steps
        if not segment.exists():  # compacted meanwhile: what was not read yet is in its Parquet
            for part in run.parts()[0]:
                if part.episodes.stem == f"part-{segment.stem}":
                    for row, steps in _read_parquet(part, columns):
                        if first_of([bytes.fromhex(row["episode_id"])], index)[0]:
                            yield row, steps


@contextmanager
def _explaining(run: Run, path: Path) -> Iterator[None]:
    """Names the file of what goes wrong; a segment that has become Parquet meanwhile is no mistake."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        compacted = run.path / "episodes" / f"part-{path.stem}.parquet"
        if path.suffix == ".arrows" and not path.exists() and compacted.exists():
            return
        reason = " ".join(str(error).split())
        raise InfrarayError(
            f"{path}: is damaged ({reason}); delete it and run again to have its episodes played again"
        ) from None


class Steps:
    """The steps of one episode, still encoded."""

    def __init__(self, batches: Sequence[pa.RecordBatch]) -> None:
        self.batches = batches

    def read(self) -> list[dict[str, Any]]:
        """Decodes them, one dict a step."""
        return [step for batch in self.batches for step in batch.to_pylist()]


class _StepFile:
    """Steps of a Parquet file, in order, a few hundred rows in memory at a time."""

    def __init__(self, path: Path, columns: list[str]) -> None:
        self.path = path
        file = pq.ParquetFile(path, buffer_size=2**20, pre_buffer=False, page_checksum_verification=True)
        self._batches = file.iter_batches(batch_size=STEPS_AT_ONCE, columns=columns)
        self._rest: pa.RecordBatch | None = None

    def take(self, episode_id: str, count: int) -> Steps:
        """The next ``count`` steps, which must be the episode's."""
        taken = []
        while count:
            if self._rest is None or not self._rest.num_rows:
                self._rest = next(self._batches, None)
                if self._rest is None:
                    raise pa.ArrowInvalid("it ends before the steps of its episodes do")
            part = self._rest.slice(0, count)
            ids = part.column("episode_id")
            if ids[0].as_py() != episode_id or ids[-1].as_py() != episode_id:
                raise pa.ArrowInvalid("its steps are not in the order of its episodes")
            taken.append(part)
            self._rest = self._rest.slice(part.num_rows)
            count -= part.num_rows
        return Steps(taken)


def _read_parquet(part: Part, columns: list[str]) -> Iterator[tuple[Mapping[str, Any], Steps]]:
    steps = _StepFile(part.steps, columns)
    file = pq.ParquetFile(part.episodes, page_checksum_verification=True)
    for batch in file.iter_batches(batch_size=STEPS_AT_ONCE):
        for row in batch.to_pylist():
            yield row, steps.take(row["episode_id"], row["steps"])


def _read_segment(path: Path) -> Iterator[tuple[Mapping[str, Any], Steps]]:
    for body in read_messages(path):
        for batch in decode([body]):
            nested = batch.column("steps_taken")
            for position, row in enumerate(batch.drop_columns(["steps_taken"]).to_pylist()):
                taken = pa.RecordBatch.from_struct_array(nested[position].values)
                yield row, Steps([taken])


def read_json(text: str | None) -> dict[str, Any]:
    """A JSON column's object, empty for null; halves of surrogate pairs, which no file can hold, become ``?``."""
    if text is None:
        return {}
    found: dict[str, Any] = json.loads(text)
    if "\\ud" in text:
        found = json.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace").decode())
    return found
