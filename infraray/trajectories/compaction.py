"""Compaction: turns a closed segment into Parquet.

The steps are renamed into place first and the episodes last: a visible episode has its steps, and
a segment whose episodes are there is finished, whenever the process died.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from infraray.trajectories.schema import EPISODES, STEPS
from infraray.trajectories.segments import SegmentDamage, read_batches

STEPS_PER_ROW_GROUP = 65_536


def compact(segment: Path, run_dir: Path) -> SegmentDamage:
    """Writes a segment's intact episodes to ``episodes/`` and ``steps/`` and deletes the segment.

    Memory is bounded by a row group, whatever the segment's size. Damage is recorded in a
    ``.damage.json`` beside the segments, because the lost episodes will be played again.

    Raises:
        OSError: the disk is full or cannot be written; the segment stays.
    """
    name = f"part-{segment.stem}.parquet"
    damage = SegmentDamage()
    targets = [run_dir / "steps" / name, run_dir / "episodes" / name]
    if not targets[1].exists():
        temporary = [target.with_suffix(".parquet.tmp") for target in targets]
        try:
            if _write(read_batches(segment, damage), *temporary):
                for source, target in zip(temporary, targets, strict=True):
                    os.replace(source, target)
        finally:
            for path in temporary:
                path.unlink(missing_ok=True)
        if damage != SegmentDamage():
            segment.with_suffix(".damage.json").write_text(json.dumps(vars(damage)) + "\n")
    segment.unlink()
    segment.with_suffix(".crc32").unlink(missing_ok=True)
    return damage


def _write(batches: Iterable[pa.RecordBatch], steps_path: Path, episodes_path: Path) -> int:
    """Writes both files and syncs them; returns the number of episodes."""
    count = 0
    steps_path.parent.mkdir(exist_ok=True)
    episodes_path.parent.mkdir(exist_ok=True)
    waiting: list[pa.RecordBatch] = []
    with (
        pq.ParquetWriter(steps_path, STEPS, compression="zstd", write_page_checksum=True) as steps,
        pq.ParquetWriter(episodes_path, EPISODES, compression="zstd", write_page_checksum=True) as episodes,
    ):

        def flush() -> None:
            nonlocal count
            if waiting:
                table = pa.Table.from_batches(waiting)
                episodes.write_table(table.select(EPISODES.names))
                steps.write_table(flatten_steps(table))
                count += table.num_rows
                waiting.clear()

        rows = 0
        for batch in batches:
            waiting.append(batch)
            rows += batch.num_rows + len(batch.column("steps_taken").flatten())
            if rows >= STEPS_PER_ROW_GROUP:
                flush()
                rows = 0
        flush()
    for path in (steps_path, episodes_path):
        with path.open("rb") as file:
            os.fsync(file.fileno())
    return count


def flatten_steps(table: pa.Table) -> pa.Table:
    """The steps inside a table of schema `SEGMENT` as a table of schema `STEPS`."""
    parts = []
    for batch in table.to_batches():
        nested = batch.column("steps_taken")
        steps = nested.flatten()
        ids = batch.column("episode_id").take(_parents(nested))
        parts.append(pa.RecordBatch.from_arrays([ids, *steps.flatten()], schema=STEPS))
    return pa.Table.from_batches(parts, schema=STEPS)


def _parents(nested: pa.ListArray) -> pa.Array:
    """The row that each inner value belongs to."""
    return pc.list_parent_indices(nested)
