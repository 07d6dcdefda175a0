"""Answers cached by the whole request, in one SQLite file that any number of processes share."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from infraray.errors import InfrarayError

BUSY_S = 60.0
"""Seconds that a writer waits for another one."""


class ResponseCache:
    """Maps requests to their answers.

    Args:
        folder: holds ``responses.sqlite``; made if it is missing.

    Raises:
        InfrarayError: the folder cannot be written.
    """

    def __init__(self, folder: str | Path) -> None:
        path = Path(folder) / "responses.sqlite"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # If two switch a new file to write-ahead logging at once, SQLite refuses one of them, whatever its timeout.
            with _alone_in(path.parent):
                self._database = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
                self._database.execute("PRAGMA journal_mode=WAL")
                self._database.execute("PRAGMA synchronous=NORMAL")
                self._database.execute(
                    "CREATE TABLE IF NOT EXISTS responses"
                    " (request BLOB PRIMARY KEY, response TEXT NOT NULL) WITHOUT ROWID"
                )
        except (OSError, sqlite3.Error) as error:
            raise InfrarayError(f"cache={str(folder)!r}: cannot be used ({error})") from None
        self._lock = threading.Lock()

    def get(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """The answer to a request; None if it has not been made yet."""
        with self._lock:
            row = self._database.execute(
                "SELECT response FROM responses WHERE request = ?", (_key(request),)
            ).fetchone()
        found: dict[str, Any] | None = json.loads(row[0]) if row is not None else None
        return found

    def put(self, request: Mapping[str, Any], response: Mapping[str, Any]) -> None:
        """Stores the answer to a request unless there is one already."""
        row = _key(request), json.dumps(response, ensure_ascii=False)
        with self._lock:
            self._database.execute("INSERT OR IGNORE INTO responses VALUES (?, ?)", row)

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._database.close()


@cache
def open_cache(folder: str) -> ResponseCache:
    """The process's only cache for a folder."""
    return ResponseCache(folder)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _key(request: Mapping[str, Any]) -> bytes:
    return hashlib.sha256(json.dumps(request, sort_keys=True, separators=(",", ":")).encode()).digest()
