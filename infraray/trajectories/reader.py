"""Reading a run: its plan and its two tables, also while it is being written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from infraray.errors import InfrarayError
from infraray.folders import holds, named_path
from infraray.trajectories.compaction import flatten_steps
from infraray.trajectories.encoding import decode
from infraray.trajectories.index import EpisodeIndex
from infraray.trajectories.manifest import read_manifest
from infraray.trajectories.parts import BrokenPart, Part, find_parts, first_of
from infraray.trajectories.schema import EPISODES, SEGMENT, STEPS
from infraray.trajectories.segments import read_messages


class Run:
    """A run's folder, for reading.

    Args:
        path: the folder that ``infraray run`` wrote.

    Raises:
        InfrarayError: the folder holds no run, one of a newer schema, or a damaged ``run.json``.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = named_path("run", path)
        manifest = self.path / "run.json"
        if not manifest.exists():
            if holds(self.path, "study"):
                raise InfrarayError(f"{path}: holds a study and no run; 'infraray report {path}' shows it")
            raise InfrarayError(f"{path}: holds no run (no run.json); give the folder that 'infraray run' wrote")
        self.manifest: dict[str, Any] = read_manifest(manifest)

    def episodes(self, columns: Sequence[str] = tuple(EPISODES.names)) -> pa.Table:
        """All collected episodes, each once, schema `EPISODES`.

        A folder without any ``steps`` is a copy that was made for its episodes alone.

        Args:
            columns: those that are read.

        Raises:
            InfrarayError: a file cannot be believed; the line names it.
        """
        schema = pa.schema([EPISODES.field(name) for name in columns], metadata=EPISODES.metadata)
        return self._read(schema, with_steps=(self.path / "steps").exists())

    def steps(self) -> pa.Table:
        """All steps of the collected episodes, schema `STEPS`.

        Raises:
            InfrarayError: see `episodes`.
        """
        return self._read(STEPS, with_steps=True)

    def parts(self, *, with_steps: bool = True) -> tuple[list[Part], list[Path], EpisodeIndex]:
        """The Parquet files that can be believed, the segments that are not Parquet yet, and what the former hold.

        Raises:
            InfrarayError: a file cannot be believed.
        """
        # Segments before Parquet: one that is compacted meanwhile is found twice, never not at all.
        segments = sorted(self.path.glob("segments/*.arrows"))
        parts, index = find_parts(self.path, with_steps=with_steps)
        done = {part.episodes.stem.removeprefix("part-") for part in parts}
        return parts, [segment for segment in segments if segment.stem not in done], index

    def _read(self, schema: pa.Schema, with_steps: bool) -> pa.Table:
        # What a segment holds is read before the Parquet is looked for, which may take its place meanwhile.
        early = {path: self._read_segment(path) for path in sorted(self.path.glob("segments/*.arrows"))}
        parts, segments, index = self.parts(with_steps=with_steps)
        of_episodes = schema is not STEPS
        tables = [part.read_episodes(schema.names) if of_episodes else part.read_steps() for part in parts]
        for path in segments:
            table = early[path] if path in early else self._read_segment(path)
            new = first_of([bytes.fromhex(text) for text in table["episode_id"].to_pylist()], index)
            table = table.filter(pa.array(new))
            if table.num_rows:
                tables.append(table.select(schema.names) if of_episodes else flatten_steps(table))
        return pa.concat_tables([table.select(schema.names) for table in tables]) if tables else schema.empty_table()

    def _read_segment(self, path: Path) -> pa.Table:
        try:
            return pa.Table.from_batches(list(decode(list(read_messages(path)))), schema=SEGMENT)
        except FileNotFoundError:  # compacted since it was listed
            return SEGMENT.empty_table()
        except (pa.ArrowException, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise BrokenPart(path, f"is damaged ({reason})") from None
