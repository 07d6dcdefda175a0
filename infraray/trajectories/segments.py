"""Write-ahead segments: an Arrow IPC stream that grows message by message, and a log of checksums.

``NAME.arrows`` is a plain Arrow stream of schema `SEGMENT`. ``NAME.crc32`` holds one record a
message: where it ends and its CRC-32. Bytes reach the stream first and the log second, so a
process that dies between leaves a message without a record, which does not count. Arrow by
itself would read a flipped byte without a word, and a torn tail with an exception.

A segment is written by one process and never opened for writing again.
"""

from __future__ import annotations

import os
import struct
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from infraray.trajectories.encoding import Message
from infraray.trajectories.schema import SEGMENT

_RECORD = struct.Struct("<QI")  # end offset in bytes, CRC-32 of the message
_SCHEMA_MESSAGE = SEGMENT.serialize().to_pybytes()

SYNC_INTERVAL_S = 1.0


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
        seconds; what a power failure tears is found by its checksum and owed again.

        Raises:
            OSError: nothing was appended, and the segment is as it was before.
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
            # Cuts off what was written of it: the next message must start where this one did.
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
    """What was wrong with a segment: bytes after the last whole message, and messages with a wrong checksum."""

    torn_bytes: int = 0
    corrupt_messages: int = 0


def read_messages(path: Path, damage: SegmentDamage | None = None) -> Iterator[bytes]:
    """Yields the whole and intact messages of a segment, also of one that is being written.

    Args:
        path: the stream's path.
        damage: filled with what was passed over.

    Raises:
        pyarrow.ArrowInvalid: the file is no segment.
        OSError: it cannot be read.
    """
    log_path = path.with_suffix(".crc32")
    log = log_path.read_bytes() if log_path.exists() else b""
    start = len(_SCHEMA_MESSAGE)
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        head = stream.read(start)
        if len(head) == start and head != _SCHEMA_MESSAGE:
            raise pa.ArrowInvalid("it is no segment of a run")
        for position in range(0, len(log) - _RECORD.size + 1, _RECORD.size):
            end, crc32 = _RECORD.unpack_from(log, position)
            if not start < end <= size:
                break
            body = stream.read(end - start)
            start = end
            if zlib.crc32(body) == crc32:
                yield body
            elif damage is not None:
                damage.corrupt_messages += 1
    if damage is not None:
        damage.torn_bytes = max(0, size - start)
