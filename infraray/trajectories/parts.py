"""The parts of a run: two Parquet files of one name, the episodes and their steps, trusted only together.

A folder belongs to its user: files in it may be truncated, copied, or another program's. A part counts if both files
exist, are readable and have our schema, and if the one has as many steps as the other says; and an episode counts
once, however many parts hold it. An episode from another run is the same if its identity is the same, and otherwise
is not planned.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from infraray.errors import InfrarayError
from infraray.trajectories.index import EpisodeIndex
from infraray.trajectories.schema import EPISODES, STEPS, conform, conform_table, first_lacking, schema_version
from infraray.version import SCHEMA_VERSION

ROWS_AT_ONCE = 4096
"""Episodes that are read at a time."""

ID_BYTES = 16


class BrokenPart(InfrarayError):
    """A part that does not count, with the file and the reason in one line."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}; delete it to have its episodes played again")


@dataclass(frozen=True)
class Part:
    """A part that can be trusted.

    Args:
        episodes: the file of episodes.
        steps: the file of their steps.
        new: for each episode, whether no earlier part holds it.
    """

    episodes: Path
    steps: Path
    new: NDArray[np.bool_]

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The episodes that no earlier part holds: columns of schema `EPISODES`, `ROWS_AT_ONCE` rows at a time."""
        start = 0
        for batch in _batches(self.episodes, columns):
            new = self.new[start : start + batch.num_rows]
            start += batch.num_rows
            yield batch if new.all() else batch.filter(pa.array(new))

    def read_steps(self) -> pa.Table:
        """Their steps, schema `STEPS`."""
        table = read_parquet(self.steps, STEPS)
        if self.new.all():
            return table
        wanted = read_parquet(self.episodes, _some(EPISODES, ["episode_id"])).filter(pa.array(self.new))["episode_id"]
        return table.filter(pc.is_in(table["episode_id"], wanted.combine_chunks()))


def find_parts(run_dir: Path, *, with_steps: bool = True) -> tuple[list[Part], EpisodeIndex]:
    """The parts of a folder, and which episodes they hold.

    Args:
        run_dir: the run's folder.
        with_steps: whether the steps have to exist.

    Raises:
        BrokenPart: a part cannot be trusted, and holds something that no other part does.
        InfrarayError: a file may not be read.
    """
    parts: list[Part] = []
    broken: list[tuple[BrokenPart, bytes]] = []
    index = EpisodeIndex()
    for path in sorted(run_dir.glob("episodes/*.parquet")):
        steps = run_dir / "steps" / path.name
        try:
            identities = _check(path, steps if with_steps else None)
        except BrokenPart as error:
            broken.append((error, _ids_if_readable(path)))
            continue
        new = [first_of(some, index) for some in _unpacked(identities)]
        parts.append(Part(path, steps, np.concatenate(new) if new else np.empty(0, np.bool_)))
    # A damaged copy of a part that counts does no harm.
    for problem, held in broken:
        if not held or any(any(index.missing(some)) for some in _unpacked(held)):
            raise problem
    return parts, index


def first_of(ids: Sequence[bytes], index: EpisodeIndex) -> NDArray[np.bool_]:
    """Tells for each identity whether it appears for the first time, and adds it to the index."""
    new = np.array(index.missing(ids), bool)
    if len(set(ids)) < len(ids):
        first = {identity: position for position, identity in reversed(list(enumerate(ids)))}
        new &= np.array([first[identity] == position for position, identity in enumerate(ids)], bool)
    index.add(identity for identity, is_new in zip(ids, new, strict=True) if is_new)
    return new


def _check(path: Path, steps_path: Path | None) -> bytearray:
    """The identities of a part's episodes as stored, `ID_BYTES` each.

    Raises:
        BrokenPart: the part does not count.
        InfrarayError: it may not be read.
    """
    _open(path, EPISODES)
    identities, total, ends = bytearray(), 0, []
    for batch in _batches(path, ["episode_id", "steps"]):
        texts, counts = batch.column("episode_id"), batch.column("steps").to_numpy(zero_copy_only=False)
        identified = pc.fill_null(pc.match_substring_regex(texts, r"\A[0-9a-fA-F]{32}\z"), False)
        if not pc.all(identified, min_count=0).as_py():
            raise BrokenPart(path, "has a malformed episode_id")
        identities += bytes.fromhex("".join(texts.to_pylist()))
        total += counts.sum()
        ends += [texts[int(place)].as_py() for place in np.flatnonzero(counts)[[0, -1]]] if counts.any() else []
        del ends[1:-1]
    if steps_path is not None:
        try:
            _check_steps(steps_path, total, ends)
        except BrokenPart as error:
            # The file of episodes has to go for them to be played again.
            raise BrokenPart(path, f"its steps cannot be used: {steps_path} {error.reason}") from None
    return identities


def _unpacked(identities: bytes | bytearray) -> Iterator[list[bytes]]:
    """The identities, `ROWS_AT_ONCE` at a time."""
    for start in range(0, len(identities), ROWS_AT_ONCE * ID_BYTES):
        some = bytes(identities[start : start + ROWS_AT_ONCE * ID_BYTES])
        yield [some[place : place + ID_BYTES] for place in range(0, len(some), ID_BYTES)]


def _check_steps(steps_path: Path, total: int, ends: Sequence[str]) -> None:
    """Checks that the steps belong to the episodes: the same number, and the same first and last episode with steps."""
    if not steps_path.exists():
        raise BrokenPart(steps_path, "is missing")
    steps = _open(steps_path, STEPS)
    if steps.metadata.num_rows != total:
        raise BrokenPart(steps_path, f"has {steps.metadata.num_rows} steps where its episodes have {total}")
    if not ends:
        return
    first = _reading(steps_path, lambda: steps.read_row_group(0, columns=["episode_id"]))["episode_id"][0]
    last = _reading(steps_path, lambda: steps.read_row_group(steps.num_row_groups - 1, columns=["episode_id"]))
    if [first.as_py(), last["episode_id"][-1].as_py()] != [ends[0], ends[-1]]:
        raise BrokenPart(steps_path, "has the steps of other episodes")


def _open(path: Path, schema: pa.Schema) -> pq.ParquetFile:
    """Opens a file of ours.

    Raises:
        BrokenPart: it is not one.
    """
    if path.is_dir():
        raise BrokenPart(path, "is a folder, not a file")
    file = _reading(path, lambda: pq.ParquetFile(path, page_checksum_verification=True))
    version = schema_version(file.schema_arrow)
    if version is not None and version > SCHEMA_VERSION:
        raise InfrarayError(f"{path}: was written with schema {version}; upgrade infraray")
    if (field := first_lacking(file.schema_arrow, schema)) is not None:
        raise BrokenPart(path, f"is not a file of a run: it has no column {field.name} of type {field.type}")
    return file


def _ids_if_readable(path: Path) -> bytes:
    try:
        return b"".join(bytes.fromhex("".join(batch.column(0).to_pylist())) for batch in _batches(path, ["episode_id"]))
    except (InfrarayError, TypeError, ValueError):
        return b""


def _batches(path: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yields columns of one of our Parquet files, `ROWS_AT_ONCE` rows at a time.

    Raises:
        BrokenPart: the file is damaged.
        InfrarayError: it may not be read.
    """
    # No read-ahead: it would hold the columns of the whole file.
    file = _reading(path, lambda: pq.ParquetFile(path, page_checksum_verification=True, pre_buffer=False))
    batches = _reading(path, lambda: file.iter_batches(ROWS_AT_ONCE, columns=list(columns)))
    while (batch := _reading(path, lambda: next(batches, None))) is not None:
        yield conform(batch, _some(EPISODES, columns))


def read_parquet(path: Path, schema: pa.Schema) -> pa.Table:
    """Reads columns of one of our Parquet files.

    Args:
        path: the file.
        schema: the columns, of `EPISODES` or of `STEPS`.

    Raises:
        BrokenPart: the file is damaged.
        InfrarayError: it may not be read.
    """

    def read() -> pa.Table:
        file = pq.ParquetFile(path, page_checksum_verification=True)
        there = set(file.schema_arrow.names)
        return conform_table(file.read([name for name in schema.names if name in there]), schema)

    table: pa.Table = _reading(path, read)
    return table


def _some(schema: pa.Schema, columns: Sequence[str]) -> pa.Schema:
    """Some columns of a schema."""
    return pa.schema([schema.field(name) for name in columns], schema.metadata)


def _reading(path: Path, read: Callable[[], Any]) -> Any:
    """Translates reading errors into our words."""
    try:
        return read()
    except PermissionError:
        raise InfrarayError(f"{path}: may not be read; give read permission") from None
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise BrokenPart(path, f"is damaged ({' '.join(str(error).split())[:200]})") from None
