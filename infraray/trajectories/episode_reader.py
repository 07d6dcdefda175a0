"""A reader of stored episodes, one by one with their steps, in little memory however large the run is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from infraray.errors import InfrarayError
from infraray.trajectories.parts import Part, first_of
from infraray.trajectories.reader import Run
from infraray.trajectories.schema import EPISODES, STEPS, conform
from infraray.trajectories.segments import read_batches

STEPS_AT_ONCE = 256
"""Rows of steps that are decoded together: with its prompts, an LLM's step can take 100 KB."""


def count_episodes(run: Run) -> int:
    """The number of collected episodes, selected or not; approximate while the run goes on.

    Raises:
        InfrarayError: a file cannot be believed.
    """
    parts, segments, _ = run.parts()
    count = sum(int(part.new.sum()) for part in parts)
    for segment in segments:
        with _explaining(run, segment):
            count += sum(batch.num_rows for batch in read_batches(segment, columns=["episode_id"]))
    return count


def read_episodes(run: Run, *, numbers: bool = True) -> Iterator[tuple[Mapping[str, Any], Steps]]:
    """Yields each collected episode's row once, with its steps, which are decoded only on demand.

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
        if not segment.exists():  # compacted meanwhile: the rest is in its Parquet
            for part in run.parts()[0]:
                if part.episodes.stem == f"part-{segment.stem}":
                    for row, steps in _read_parquet(part, columns):
                        if first_of([bytes.fromhex(row["episode_id"])], index)[0]:
                            yield row, steps


@contextmanager
def _explaining(run: Run, path: Path) -> Iterator[None]:
    """Names the file in errors raised inside; a segment that has become Parquet meanwhile is not an error."""
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
        """Decodes them, one dict per step."""
        return [step for batch in self.batches for step in batch.to_pylist()]


class _StepFile:
    """The steps of a Parquet file, in order, with a few hundred rows in memory at a time."""

    def __init__(self, path: Path, columns: list[str]) -> None:
        self.path = path
        file = pq.ParquetFile(path, buffer_size=2**20, pre_buffer=False, page_checksum_verification=True)
        schema = pa.schema([STEPS.field(name) for name in columns])
        batches = file.iter_batches(batch_size=STEPS_AT_ONCE, columns=columns)
        self._batches = (conform(batch, schema) for batch in batches)
        self._rest: pa.RecordBatch | None = None

    def take(self, episode_id: str, count: int) -> Steps:
        """The next ``count`` steps, which must belong to the episode."""
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
    file = pq.ParquetFile(part.episodes, pre_buffer=False, page_checksum_verification=True)
    for batch in file.iter_batches(batch_size=STEPS_AT_ONCE):
        for row in conform(batch, EPISODES).to_pylist():
            yield row, steps.take(row["episode_id"], row["steps"])


def _read_segment(path: Path) -> Iterator[tuple[Mapping[str, Any], Steps]]:
    for batch in read_batches(path):
        nested = batch.column("steps_taken")
        for position, row in enumerate(batch.drop_columns(["steps_taken"]).to_pylist()):
            taken = pa.RecordBatch.from_struct_array(nested[position].values)
            yield row, Steps([taken])
