"""The file of a chat export: typed, so that readers find one type for each field, however large it is.

Readers of JSONL infer types from a file's beginning (`datasets` from 10 MB, polars from 100 lines, DuckDB from
20,480) and fail on what first appears later: a score after nothing but failures, a tool call. So the lines that
together show every type come first; JSON itself has no other way to declare types. Parquet has a schema.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from infraray.trajectories.exporters.writing import writing
from infraray.trajectories.schema import EPISODES

ROWS_AT_ONCE = 256
BYTES_AT_ONCE = 8 * 2**20
"""Of text, that become a row group of Parquet together."""

_COPY_BYTES = 2**20

_FUNCTION = pa.struct([("name", pa.string()), ("arguments", pa.string())])
_MESSAGE_TYPES = {
    "role": pa.string(),
    "content": pa.string(),
    "tool_calls": pa.list_(pa.struct([("id", pa.string()), ("type", pa.string()), ("function", _FUNCTION)])),
    "tool_call_id": pa.string(),
    "name": pa.string(),
}


@dataclass(frozen=True)
class _Line:
    """A line's position in the file, including its end, and the fields in it that are not null."""

    start: int
    length: int
    shows: frozenset[str]


class ChatFile:
    """Takes lines; on `close` becomes JSONL or, where its name ends in ``.parquet``, Parquet.

    Args:
        path: the file.
        metadata: the fields of a line's ``metadata``, columns of `schema.EPISODES` or whole numbers.

    Raises:
        InfrarayError: it cannot be written.
    """

    def __init__(self, path: Path, metadata: Sequence[str]) -> None:
        self.path = path
        self.metadata = metadata
        self._lines = path.with_name(f"{path.name}.tmp")
        self._whole = path.with_name(f"{path.name}.whole.tmp")
        self._shortest: dict[str, _Line] = {}
        """For each field, the shortest line in which it is not null."""
        self._position = 0
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._lines.open("wb")

    def write(self, line: Mapping[str, Any]) -> None:
        """Adds a line: ``messages``, ``metadata`` and perhaps ``tools``."""
        encoded = (json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n").encode()
        with writing(self.path):
            self._file.write(encoded)
        found = _Line(self._position, len(encoded), frozenset(_fields(line)))
        self._position += len(encoded)
        for field in found.shows:
            if field not in self._shortest or len(encoded) < self._shortest[field].length:
                self._shortest[field] = found

    def close(self, keep: bool) -> None:
        """Completes the file, or removes it if it is not to be kept."""
        try:
            with writing(self.path):
                self._file.close()
                if keep:
                    if self.path.suffix == ".parquet":
                        self._write_parquet()
                    else:
                        self._write_jsonl()
                    os.replace(self._whole, self.path)
        finally:
            self._lines.unlink(missing_ok=True)
            self._whole.unlink(missing_ok=True)

    def _write_jsonl(self) -> None:
        first = sorted(self._needed(), key=lambda line: line.start)
        if all(line.start == sum(one.length for one in first[:number]) for number, line in enumerate(first)):
            os.replace(self._lines, self._whole)
            return
        with self._lines.open("rb") as source, self._whole.open("wb") as target:
            for line in first:
                source.seek(line.start)
                target.write(source.read(line.length))
            source.seek(0)
            for line in first:
                _copy(source, target, line.start - source.tell())
                source.seek(line.start + line.length)
            _copy(source, target, self._position - source.tell())

    def _needed(self) -> set[_Line]:
        """A few short lines that together show every field that any line shows."""
        needed: set[_Line] = set()
        shown: set[str] = set()
        # The field that is hardest to show first: its line shows the common ones too.
        for line in sorted(self._shortest.values(), key=lambda line: len(line.shows), reverse=True):
            if not line.shows <= shown:
                needed.add(line)
                shown |= line.shows
        return needed

    def _write_parquet(self) -> None:
        fields = [
            name for name in _MESSAGE_TYPES if f"messages.{name}" in self._shortest or name in ("role", "content")
        ]
        columns = [pa.field("messages", pa.list_(pa.struct([(name, _MESSAGE_TYPES[name]) for name in fields])))]
        if "tools" in self._shortest:
            columns.append(pa.field("tools", pa.string()))
        metadata = [
            pa.field(name, EPISODES.field(name).type if name in EPISODES.names else pa.int64())
            for name in self.metadata
        ]
        schema = pa.schema([*columns, pa.field("metadata", pa.struct(metadata))])
        with self._lines.open("rb") as source, pq.ParquetWriter(self._whole, schema, compression="zstd") as writer:
            for rows in _batches(source):
                writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=schema))


def _fields(line: Mapping[str, Any]) -> Iterator[str]:
    """The paths of the fields in a line that are not null."""
    if "tools" in line:
        yield "tools"
    for name in {name for message in line["messages"] for name in message}:
        yield f"messages.{name}"
    for name, value in line["metadata"].items():
        if value is not None:
            yield f"metadata.{name}"


def _batches(source: Any) -> Iterator[list[Any]]:
    """The lines' content, as many at once as are held in memory."""
    rows: list[Any] = []
    size = 0
    for line in source:
        if rows and (len(rows) == ROWS_AT_ONCE or size + len(line) > BYTES_AT_ONCE):
            yield rows
            rows, size = [], 0
        rows.append(json.loads(line))
        size += len(line)
    if rows:
        yield rows


def _copy(source: Any, target: Any, count: int) -> None:
    while count:
        piece = source.read(min(count, _COPY_BYTES))
        target.write(piece)
        count -= len(piece)
