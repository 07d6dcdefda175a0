"""Write-ahead segments: an Arrow IPC stream that grows message by message, and a log of checksums.

``NAME.arrows`` is a plain Arrow stream of schema `SEGMENT`. ``NAME.crc32`` holds one record per
message: its end and its CRC-32. By itself, Arrow would silently read a flipped byte and raise an
exception at a torn tail. Bytes reach the stream first and the log second, so a process that dies in
between leaves a message without a record; it counts if it proves itself.

A segment is written by one process and never opened for writing again.
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from infraray.errors import InfrarayError
from infraray.trajectories.encoding import Message, decode
from infraray.trajectories.schema import EPISODES, SEGMENT, first_lacking, schema_version
from infraray.version import SCHEMA_VERSION

_RECORD = struct.Struct("<QI")  # end offset in bytes, CRC-32 of the message
_SCHEMA_MESSAGE = SEGMENT.serialize().to_pybytes()

SYNC_INTERVAL_S = 1.0

_PREFIX = struct.Struct("<4si")  # of a message: its mark, and the length of its metadata
_LONGEST_HEAD = 2**20

_MARK = b"\xff\xff\xff\xff"
"""The first bytes of every Arrow message."""

_ALIGNMENT = 8
_SEARCHED_AT_ONCE = 2**20
_ID_BYTES = 16


class SegmentWriter:
    """Appends messages to a new segment.

    Args:
        path: the stream's path, which ends in ``.arrows`` and must not exist.

    Raises:
        OSError: the folder cannot be written or the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stream = path.open("xb", buffering=0)
        self._log = path.with_suffix(".crc32").open("xb", buffering=0)
        self._write(self._stream, _SCHEMA_MESSAGE)
        self.size_bytes = len(_SCHEMA_MESSAGE)
        self._synced_at = time.monotonic()

    def append(self, message: Message) -> None:
        """Appends a message; when it returns, the message survives this process.

        It survives the machine once it is synced to disk, which happens every `SYNC_INTERVAL_S`
        seconds; what a power failure tears is found by its checksum and is owed again.

        Raises:
            OSError: nothing was appended, and the segment is unchanged.
        """
        end = self.size_bytes + len(message.body)
        record = _RECORD.pack(end, message.crc32)
        logged = self._log.tell()
        try:
            self._write(self._stream, message.body)
            self._write(self._log, record)
            if time.monotonic() - self._synced_at > SYNC_INTERVAL_S:
                self._sync()
        except OSError:
            # Cuts off the written part: the next message must start where this one did.
            for file, size in ((self._log, logged), (self._stream, self.size_bytes)):
                file.truncate(size)
                file.seek(size)
            raise
        self.size_bytes = end

    def close(self) -> None:
        """Ends the segment."""
        self._sync()
        self._stream.close()
        self._log.close()

    def _sync(self) -> None:
        os.fdatasync(self._stream.fileno())
        os.fdatasync(self._log.fileno())
        self._synced_at = time.monotonic()

    @staticmethod
    def _write(file: object, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(file.fileno(), view) :]  # type: ignore[attr-defined]


@dataclass
class SegmentDamage:
    """The damage to a segment.

    Args:
        torn_bytes: bytes that are not part of a whole message.
        corrupt_messages: messages with a wrong checksum.
        unlogged_messages: messages without a checksum that prove themselves, and so count.
    """

    torn_bytes: int = 0
    corrupt_messages: int = 0
    unlogged_messages: int = 0

    def describe(self) -> list[str]:
        """What a person should know about it, one line each."""
        lines = []
        lost = [f"{self.corrupt_messages} damaged messages"] if self.corrupt_messages else []
        lost += [f"{self.torn_bytes} torn bytes"] if self.torn_bytes else []
        if lost:
            lines.append(f"{' and '.join(lost)} were left out; the episodes in them are owed again")
        if self.unlogged_messages:
            lines.append(f"{self.unlogged_messages} messages without a checksum are whole in themselves and were kept")
        return lines


def read_batches(
    path: Path, damage: SegmentDamage | None = None, columns: Sequence[str] = SEGMENT.names
) -> Iterator[pa.RecordBatch]:
    """Yields the messages of `read_messages` as batches with these columns of `SEGMENT`, whichever version wrote them.

    Raises:
        pyarrow.ArrowInvalid: the file is not a segment.
        InfrarayError: it is one of a newer schema.
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        head = _read_head(path, stream)
    for body in read_messages(path, damage):
        yield decode(body, columns, head)


def read_messages(path: Path, damage: SegmentDamage | None = None) -> Iterator[bytes]:
    """Yields the whole and intact messages of a segment, even of one that is being written.

    A message is intact if it matches its checksum or, if it has none (the log may be lost), if it is
    framed as Arrow frames messages and its episodes agree with their steps.

    Args:
        path: the stream's path.
        damage: filled with what was skipped.

    Raises:
        pyarrow.ArrowInvalid: the file is not a segment.
        InfrarayError: it is one of a newer schema.
        OSError: it cannot be read.
    """
    damage = damage if damage is not None else SegmentDamage()
    log_path = path.with_suffix(".crc32")
    log = log_path.read_bytes() if log_path.exists() else b""
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        head = _read_head(path, stream)
        start = len(head)
        for position in range(0, len(log) - _RECORD.size + 1, _RECORD.size):
            end, crc32 = _RECORD.unpack_from(log, position)
            if not start < end <= size:
                break
            body = stream.read(end - start)
            start = end
            if zlib.crc32(body) == crc32:
                yield body
            else:
                damage.corrupt_messages += 1
    yield from _read_unlogged(path, start, size, head, damage)


def _read_head(path: Path, stream: BinaryIO) -> bytes:
    """The schema message with which a segment begins; if it is torn, all there is of it.

    Raises:
        pyarrow.ArrowInvalid: the file is not a segment.
        InfrarayError: it is one of a newer schema.
    """
    begin = stream.read(_PREFIX.size)
    length = _PREFIX.unpack(begin)[1] if len(begin) == _PREFIX.size else 0
    if not begin.startswith(_MARK[: len(begin)]) or not 0 <= length <= _LONGEST_HEAD:
        raise pa.ArrowInvalid("it is not a segment of a run")
    head = begin + stream.read(length)
    if len(head) < _PREFIX.size + length or not length:
        return head
    found = pa.ipc.read_schema(pa.BufferReader(head))
    version = schema_version(found)
    if version is not None and version > SCHEMA_VERSION:
        raise InfrarayError(f"{path}: was written with schema {version}; upgrade infraray")
    if version is None or first_lacking(found, EPISODES) is not None or "steps_taken" not in found.names:
        raise pa.ArrowInvalid("it is not a segment of a run")
    return head


def _read_unlogged(path: Path, start: int, size: int, head: bytes, damage: SegmentDamage) -> Iterator[bytes]:
    """The messages from ``start`` on that prove themselves, each found by its first bytes."""
    if start >= size:
        return
    with pa.memory_map(str(path)) as mapped:
        stream = mapped.read_buffer()
        while start < size:
            end = _end_of_message(stream.slice(start))
            if end and _proves_itself(body := stream.slice(start, end).to_pybytes(), head):
                damage.unlogged_messages += 1
                yield body
                start += end
                continue
            following = _next_mark(stream, start + _ALIGNMENT)
            damage.torn_bytes += following - start
            start = following


def _end_of_message(stream: pa.Buffer) -> int:
    """The length of the message with which a stream begins; 0 if it does not begin with a whole one."""
    try:
        reader = pa.BufferReader(stream)
        pa.ipc.read_message(reader)
        return int(reader.tell())
    except (pa.ArrowException, OSError, EOFError):
        return 0


def _next_mark(stream: pa.Buffer, start: int) -> int:
    """The next position at which a message may begin: Arrow aligns them."""
    view = memoryview(stream).cast("B")
    while start < len(view):
        part = bytes(view[start : start + _SEARCHED_AT_ONCE])
        place = part.find(_MARK)
        while place >= 0 and place % _ALIGNMENT:
            place = part.find(_MARK, place + 1)
        if place >= 0:
            return start + place
        start += len(part)
    return len(view)


def _proves_itself(body: bytes, head: bytes) -> bool:
    """Whether a message holds episodes that agree with their steps."""
    try:
        batch = decode(body, head=head)
        batch.validate(full=True)
        return _agrees(batch)
    except (pa.ArrowException, OSError, ValueError, TypeError):  # which damage may turn it into
        return False


def _agrees(batch: pa.RecordBatch) -> bool:
    """Whether each episode has an identity, and the number, order and rewards of steps that it states."""
    nested = batch.column("steps_taken")
    counts = pc.list_value_length(nested).to_numpy(zero_copy_only=False)
    steps = nested.flatten()
    episode = np.repeat(np.arange(len(counts)), counts)
    places = np.arange(len(episode)) - np.repeat(np.cumsum(counts) - counts, counts)
    returns = np.bincount(episode, steps.field("reward").to_numpy(zero_copy_only=False), len(counts))
    return (
        all(len(bytes.fromhex(identity)) == _ID_BYTES for identity in batch.column("episode_id").to_pylist())
        and set(batch.column("status").to_pylist()) <= {"finished", "failed"}
        and np.array_equal(batch.column("steps").to_numpy(zero_copy_only=False), counts)
        and np.array_equal(steps.field("index").to_numpy(zero_copy_only=False), places)
        and np.allclose(batch.column("return").to_numpy(zero_copy_only=False), returns, equal_nan=True)
    )
