"""The journal of a study or a probe: what happened, in order, each event on disk before anything follows from it.

A line is ``{"event": {...}, "checksum": "..."}``. A line at the end that a crash left incomplete is
cut off when the journal is opened again; its event then simply did not happen.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from infraray.errors import InfrarayError

Event = Mapping[str, Any]

JOURNAL = "trials.jsonl"
"""The journal's name in a study's folder."""

ROUNDS = "rounds.jsonl"
"""The journal's name in a probe's folder."""


class Journal:
    """The one writer of a journal; opening it reads what is there.

    Args:
        path: the file; made if it is missing.

    Raises:
        InfrarayError: it cannot be written, another process writes to it, or a line was changed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = path.open("a+b")
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise InfrarayError(f"{path.parent}: another command is writing to it; wait for it, or stop it") from None
        except OSError as error:
            raise InfrarayError(f"{path}: cannot be written ({error.strerror})") from None
        try:
            self.events, length = _read(path)
        except BaseException:
            self.close()
            raise
        self._file.truncate(length)
        _sync_folder(path.parent)

    def append(self, event: Event) -> None:
        """Writes an event; when it returns, the event survives a crash of the machine.

        Raises:
            InfrarayError: the disk is full or cannot be written.
        """
        text = _text(event)
        try:
            self._file.write(f'{{"event":{text},"checksum":"{_checksum(text)}"}}\n'.encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise InfrarayError(f"{self.path}: cannot be written ({error.strerror}); make room and run again") from None
        self.events.append(json.loads(text))

    def close(self) -> None:
        """Releases the file."""
        # A failed write is tried once more here; `append` has already reported it.
        with suppress(OSError):
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_journal(path: Path) -> list[Event]:
    """The events of a journal, even while another process writes to it.

    Raises:
        InfrarayError: it cannot be read, or a line was changed.
    """
    return _read(path)[0]


def _read(path: Path) -> tuple[list[Event], int]:
    """The events, and the length of the complete lines in bytes."""
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise InfrarayError(f"{path}: cannot be read ({error.strerror})") from None
    events: list[Event] = []
    length = 0
    for number, line in enumerate(lines, start=1):
        event = _parse(line)
        if event is None:
            if number == len(lines):
                break
            raise InfrarayError(f"{path}:{number}: was changed after it was written; delete the line to continue")
        events.append(event)
        length += len(line)
    return events, length


def _parse(line: bytes) -> Event | None:
    """The event of a line; None if the line is torn or changed."""
    if not line.endswith(b"\n"):
        return None
    try:
        content = json.loads(line)
        event: Event = content["event"]
        return event if content["checksum"] == _checksum(_text(event)) else None
    except (ValueError, KeyError, TypeError):
        return None


def _text(event: Event) -> str:
    # In the given order; in a configuration, that is the order of the space.
    return json.dumps(event, separators=(",", ":"))


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _sync_folder(folder: Path) -> None:
    """Makes a new file's name survive a crash of the machine."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
