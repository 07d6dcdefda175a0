"""A reader of runs: the plan and the two tables, even while they are being written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from infraray.errors import InfrarayError
from infraray.folders import named_path
from infraray.trajectories.compaction import flatten_steps
from infraray.trajectories.index import EpisodeIndex
from infraray.trajectories.journal import JOURNAL, read_journal
from infraray.trajectories.manifest import Manifest
from infraray.trajectories.parts import BrokenPart, Part, find_parts, first_of
from infraray.trajectories.schema import EPISODES, SEGMENT, STEPS
from infraray.trajectories.segments import read_batches
from infraray.trajectories.studied import with_entrants


class Run:
    """A run's folder, for reading.

    Args:
        path: the folder that ``infraray run`` wrote.

    Raises:
        InfrarayError: the folder holds no run, one of a newer schema, or a damaged ``run.json``.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = named_path("run", path)
        path_of_manifest = self.path / "run.json"
        if not path_of_manifest.exists():
            raise InfrarayError(
                f"{path}: holds no run (no run.json); give the folder that 'infraray run' or 'infraray search' wrote"
            )
        self.manifest = Manifest.load(path_of_manifest)
        if self.manifest.study is not None:
            self.manifest = with_entrants(self.manifest, read_journal(self.path / JOURNAL))

    def episodes(self, columns: Sequence[str] = tuple(EPISODES.names)) -> pa.Table:
        """All collected episodes, each once, schema `EPISODES`.

        Args:
            columns: the columns to read.

        Raises:
            InfrarayError: a file cannot be trusted; the line names it.
        """
        schema = pa.schema([EPISODES.field(name) for name in columns], metadata=EPISODES.metadata)
        return pa.Table.from_batches(self.episode_batches(columns), schema=schema)

    def episode_batches(self, columns: Sequence[str] = tuple(EPISODES.names)) -> Iterator[pa.RecordBatch]:
        """The same, some thousands at a time.

        A folder without any ``steps`` is a copy made for its episodes alone.
        """
        with_steps = (self.path / "steps").exists()
        parts, segments, index = self.parts(with_steps=with_steps)
        if not segments:
            del index  # 16 bytes per episode that nobody needs any more
        for part in parts:
            yield from part.batches(columns)
        wanted = tuple(dict.fromkeys(("episode_id", *columns)))
        for path in segments:
            batches = self._segment_batches(path, wanted)
            try:
                for batch in batches:
                    yield _new(batch, index).select(columns)
            except FileNotFoundError:  # compacted since it was listed: the rest is in its Parquet
                for part in self.parts(with_steps=with_steps)[0]:
                    if part.episodes.stem == f"part-{path.stem}":
                        for batch in part.batches(wanted):
                            yield _new(batch, index).select(columns)

    def steps(self) -> pa.Table:
        """All steps of the collected episodes, schema `STEPS`.

        Raises:
            InfrarayError: see `episodes`.
        """
        while True:
            parts, segments, index = self.parts()
            try:
                new = [_new(batch, index) for path in segments for batch in self._segment_batches(path, SEGMENT.names)]
            except FileNotFoundError:  # compacted since it was listed
                continue
            tables = [part.read_steps().select(STEPS.names) for part in parts]
            return pa.concat_tables([*tables, flatten_steps(pa.Table.from_batches(new, schema=SEGMENT))])

    def parts(self, *, with_steps: bool = True) -> tuple[list[Part], list[Path], EpisodeIndex]:
        """The Parquet files that can be trusted, the segments that are not Parquet yet, and an index of the former.

        Raises:
            InfrarayError: a file cannot be trusted.
        """
        # Segments before Parquet: one that is compacted meanwhile is found twice, never not at all.
        segments = [path for path in sorted(self.path.glob("segments/*.arrows")) if path.exists()]
        parts, index = find_parts(self.path, with_steps=with_steps)
        done = {part.episodes.stem.removeprefix("part-") for part in parts}
        return parts, [segment for segment in segments if segment.stem not in done], index

    def _segment_batches(self, path: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """A segment's episodes, a message at a time.

        Raises:
            FileNotFoundError: it no longer exists.
            BrokenPart: it is not a segment, or cannot be read.
        """
        try:
            yield from read_batches(path, columns=columns)
        except FileNotFoundError:
            raise
        except (pa.ArrowException, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise BrokenPart(path, f"is damaged ({reason})") from None


def _new(batch: pa.RecordBatch, index: EpisodeIndex) -> pa.RecordBatch:
    """The episodes that the index does not hold yet; adds them to it."""
    return batch.filter(pa.array(first_of([bytes.fromhex(text) for text in batch["episode_id"].to_pylist()], index)))
