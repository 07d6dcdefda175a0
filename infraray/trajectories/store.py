"""A run's folder: who may write to it, what is in it, and what happens after a crash.

runs/NAME/run.json          the plan and what it was resolved to
runs/NAME/lock              held by the one process that writes
runs/NAME/segments/         episodes being written (see segments.py)
runs/NAME/episodes/*.parquet, runs/NAME/steps/*.parquet    episodes that are done
runs/NAME/report/           tables and page
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

from infraray.errors import InfrarayError
from infraray.trajectories.compaction import compact
from infraray.trajectories.encoding import Message, decode, encode
from infraray.trajectories.index import EpisodeIndex
from infraray.trajectories.manifest import BrokenManifest, Manifest
from infraray.trajectories.parts import BrokenPart, find_parts, first_of
from infraray.trajectories.segments import SegmentDamage, SegmentWriter, read_batches

SEGMENT_BYTES = 128 * 2**20
"""Size at which a segment is closed and compacted while the next one is written."""

LOCK_WAIT_S = 30.0
"""Seconds that a run waits for a predecessor that was killed a moment ago."""


class RunStore:
    """The one writer of a run's folder.

    Opening it makes the folder if it is missing, takes the lock, and recovers: segments that an
    earlier process left are read up to their torn end and become Parquet.

    Args:
        run_dir: the run's folder.
        segment_bytes: see `SEGMENT_BYTES`.

    Raises:
        InfrarayError: the folder cannot be written, or another run is writing to it.
    """

    def __init__(self, run_dir: Path, segment_bytes: int = SEGMENT_BYTES) -> None:
        self.run_dir = run_dir
        self.segment_bytes = segment_bytes
        self.index = EpisodeIndex()
        self.repairs: list[str] = []
        """The damage found when the folder was opened, one line each."""
        self._writer: SegmentWriter | None = None
        self._compactions: list[Future[Any]] = []
        self._compactor = ThreadPoolExecutor(1, thread_name_prefix="compaction")
        with _explaining(run_dir):
            for folder in ("segments", "episodes", "steps"):
                (run_dir / folder).mkdir(parents=True, exist_ok=True)
            self._lock = _take_lock(run_dir / "lock")
            try:
                self._recover()
            except BaseException:
                self.close()
                raise

    def missing(self, ids: Sequence[bytes]) -> list[bool]:
        """For each identity, whether its episode is not collected."""
        return self.index.missing(ids)

    def append(self, message: Message) -> int:
        """Stores whole episodes, skipping those already stored; returns how many were new.

        Raises:
            InfrarayError: the disk is full or cannot be written; nothing of the message is stored.
        """
        before: set[bytes] = set()
        new = []
        for identity, missing in zip(message.ids, self.index.missing(message.ids), strict=True):
            new.append(missing and identity not in before)
            before.add(identity)
        if not all(new):
            if not any(new):
                return 0
            message = _select(message, new)
        with _explaining(self.run_dir):
            if self._writer is None:
                name = f"seg-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{uuid.uuid4().hex[:8]}.arrows"
                self._writer = SegmentWriter(self.run_dir / "segments" / name)
            self._writer.append(message)
        self.index.add(message.ids)
        if self._writer.size_bytes >= self.segment_bytes:
            self._close_segment()
        return len(message.ids)

    def finish(self) -> int:
        """Turns everything into Parquet; returns the number of episodes in the folder. May be called again.

        Raises:
            InfrarayError: the disk is full or cannot be written; stored episodes stay in their segment.
        """
        self._close_segment()
        with _explaining(self.run_dir):
            compactions, self._compactions = self._compactions, []
            for compaction in compactions:
                compaction.result()
        return len(self.index)

    def close(self) -> None:
        """Releases the lock; what is in a segment stays there for the next writer."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        self._compactor.shutdown(wait=True)
        self._lock.close()

    def _close_segment(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._compactions.append(self._compactor.submit(compact, self._writer.path, self.run_dir))
            self._writer = None

    def _recover(self) -> None:
        for path in [*self.run_dir.glob("episodes/*.tmp"), *self.run_dir.glob("steps/*.tmp")]:
            path.unlink()
        _, self.index = find_parts(self.run_dir)
        for segment in sorted(self.run_dir.glob("segments/*.arrows")):
            if not (self.run_dir / "episodes" / f"part-{segment.stem}.parquet").exists():
                damage = SegmentDamage()
                first_of(_ids_in_segment(segment, damage), self.index)
                self.repairs += _repairs(segment, damage)
            self._compactions.append(self._compactor.submit(compact, segment, self.run_dir))


def read_repairs(run_dir: Path) -> list[str]:
    """The damage found in a run's folder since it was made, one line each."""
    lines = []
    for path in sorted(run_dir.glob("segments/*.damage.json")):
        with suppress(OSError, ValueError, TypeError):
            lines += _repairs(path, SegmentDamage(**json.loads(path.read_text())))
    return lines


def _repairs(path: Path, damage: SegmentDamage) -> list[str]:
    return [f"{path.parent.name}/{path.name.partition('.')[0]}: {line}" for line in damage.describe()]


def _ids_in_segment(segment: Path, damage: SegmentDamage) -> list[bytes]:
    """The identities of a segment's episodes.

    Raises:
        BrokenPart: it is not a segment.
    """
    ids: list[bytes] = []
    try:
        for batch in read_batches(segment, damage, ["episode_id"]):
            ids += (bytes.fromhex(identity) for identity in batch.column(0).to_pylist())
    except (pa.ArrowException, IsADirectoryError) as error:
        raise BrokenPart(segment, f"is damaged ({error})") from None
    return ids


def collected(run_dir: Path) -> EpisodeIndex:
    """The index of the episodes in a folder, even while a run writes to it; nothing is made or changed there.

    Raises:
        InfrarayError: a file cannot be trusted.
    """
    ids: list[bytes] = []
    # Segments before Parquet: one that is compacted meanwhile is found twice, never not at all.
    for segment in sorted(run_dir.glob("segments/*.arrows")):
        with suppress(FileNotFoundError):
            ids += _ids_in_segment(segment, SegmentDamage())
    _, index = find_parts(run_dir)
    first_of(ids, index)
    return index


def open_folder(run_dir: Path, name: str) -> Manifest | None:
    """Makes a run's folder if it is missing; returns its ``run.json``, or None if it has none.

    A damaged file, or one that is not a run's, is kept as ``run.json.damaged`` and will be rewritten.

    Raises:
        InfrarayError: the folder holds a run with another name or of a newer schema, or cannot be written.
    """
    path = run_dir / "run.json"
    with _explaining(run_dir):
        run_dir.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            return None
        try:
            before = Manifest.load(path)
        except BrokenManifest:
            os.replace(path, run_dir / f"run.json.damaged-{uuid.uuid4().hex[:8]}")
            return None
    check_name(run_dir, before, name)
    return before


def check_name(run_dir: Path, manifest: Manifest, name: str) -> None:
    """Refuses a folder whose ``run.json`` is that of a run with another name.

    Raises:
        InfrarayError: it is.
    """
    if manifest.name != name:
        raise InfrarayError(f"{run_dir}: holds the run {manifest.name!r}; choose another --out for {name!r}")


def write_manifest(run_dir: Path, manifest: Manifest) -> None:
    """Writes ``run.json`` atomically; keeps ``created_at`` and the sessions of the previous one.

    Raises:
        InfrarayError: see `open_folder`.
    """
    before = open_folder(run_dir, manifest.name)
    if before is not None:
        sessions = (*before.sessions, *manifest.sessions)
        manifest = manifest.model_copy(update={"created_at": before.created_at, "sessions": sessions})
    with _explaining(run_dir):
        manifest.dump(run_dir / "run.json")


def _select(message: Message, keep: list[bool]) -> Message:
    """The message with only some of its episodes."""
    batch = decode(message.body).filter(pa.array(keep))
    return encode(batch, [identity for identity, kept in zip(message.ids, keep, strict=True) if kept])


def _take_lock(path: Path) -> IO[str]:
    """Opens and locks the file; the kernel releases the lock when the process dies, however it dies."""
    file = path.open("a+")
    give_up = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > give_up:
                file.seek(0)
                owner = file.read().strip() or "another process"
                file.close()
                raise InfrarayError(
                    f"{path.parent}: {owner} is writing to this run; wait for it or choose another --out"
                ) from None
            time.sleep(0.1)
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}")
    file.flush()
    return file


class _explaining:
    """Turns an `OSError` raised inside into one line about the run's folder."""

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, OSError):
            return
        remedy = {
            errno.ENOSPC: "free space and run the same command again",
            errno.EDQUOT: "free space and run the same command again",
            errno.EACCES: "give write permission or choose another --out",
            errno.EPERM: "give write permission or choose another --out",
            errno.EROFS: "choose another --out",
            errno.ENOTDIR: "choose another --out",
            errno.EEXIST: "choose another --out",
            errno.ENAMETOOLONG: "choose another --out",
        }.get(error.errno or 0, "fix it and run the same command again")
        raise InfrarayError(
            f"{self.run_dir}: cannot be written: {error.strerror or error}; what was written is safe; {remedy}"
        ) from None
