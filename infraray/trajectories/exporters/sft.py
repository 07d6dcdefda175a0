"""Chats for fine-tuning: only of good episodes, in sets by level, and never of an evaluated task."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infraray.errors import InfrarayError, did_you_mean
from infraray.trajectories.exporters.chat import Chat
from infraray.trajectories.manifest import Manifest
from infraray.trajectories.reader import Run
from infraray.trajectories.stored_episode import StoredEpisode

SETS: Mapping[str, Mapping[int, int]] = {
    "level-1": {1: 800},
    "level-2": {2: 600},
    "level-3": {3: 600},
    "mixed": {1: 800, 2: 600, 3: 600},
}
"""Tasks of each level in the sets that NetArena's authors fine-tuned with (section 4.3)."""


class Sft(Chat):
    """Chats for supervised fine-tuning, only of good episodes and never of evaluated tasks.

    Args:
        manifest: what ``run.json`` holds.
        out: the file; Parquet if its name ends in ``.parquet``, else JSONL.
        valid_only: leaves out steps whose action was not valid.
        correct_only: leaves out episodes that are not correct.
        safe_only: leaves out episodes that are not safe.
        least_score: leaves out episodes with a smaller normalised score, or none.
        task_set: one of `SETS`: this many tasks of each level, one episode of each, those that were played first.
        evaluation: folders of runs whose seeds must not occur here, at any level and with any parameters.

    Raises:
        InfrarayError: an option's value is invalid, or the file cannot be written; later, a seed is one of the
            evaluation's, or the run has too few tasks for the set.
    """

    default_out = "sft.parquet"

    def __init__(
        self,
        manifest: Manifest,
        *,
        out: Path,
        valid_only: bool = False,
        correct_only: bool = False,
        safe_only: bool = False,
        least_score: float | None = None,
        task_set: str | None = None,
        evaluation: Sequence[Path] = (),
    ) -> None:
        if task_set is not None and task_set not in SETS:
            raise InfrarayError(f"--set {task_set!r}: {did_you_mean(task_set, SETS)}")
        self.correct_only = correct_only
        self.safe_only = safe_only
        self.least_score = least_score
        self.task_set = task_set
        self.evaluations = [Run(path) for path in evaluation]
        self._tasks: defaultdict[int, set[tuple[str, int]]] = defaultdict(set)
        super().__init__(manifest, out=out, valid_only=valid_only)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            if error is None:
                self._check_size()
        except InfrarayError as shortage:
            super().__exit__(type(shortage), shortage, None)
            raise
        super().__exit__(kind, error, trace)

    def write(self, episode: StoredEpisode) -> str | None:
        """Writes an episode; returns None, or why it is left out."""
        row = episode.row
        task = (row["scenario"], row["seed"])
        reason = self._shortcoming(row) or self._surplus(row["level"], task)
        if reason is not None:
            return reason
        self._check_leak(*task)
        reason = super().write(episode)
        if reason is None:
            self._tasks[row["level"]].add(task)
        return reason

    def _shortcoming(self, row: Mapping[str, Any]) -> str | None:
        if self.correct_only and row["correct"] is not True:
            return "not correct"
        if self.safe_only and row["safe"] is not True:
            return "not safe"
        if self.least_score is not None and not (row["normalized_score"] or 0) >= self.least_score:
            return f"with a normalised score below {self.least_score:g}"
        return None

    def _surplus(self, level: int, task: tuple[str, int]) -> str | None:
        if self.task_set is None:
            return None
        wanted = SETS[self.task_set]
        if level not in wanted:
            return f"of a level that is not in {self.task_set}"
        if task in self._tasks[level]:
            return "of a task that is already in the set"
        return f"beyond the size of {self.task_set}" if len(self._tasks[level]) == wanted[level] else None

    def _check_leak(self, scenario: str, seed: int) -> None:
        for run in self.evaluations:
            for planned in run.manifest.scenarios.values():
                if planned.scenario == scenario and seed in planned.seeds:
                    raise InfrarayError(
                        f"seed {seed} of {scenario} is evaluated in {run.path}: export a run with other seeds"
                    )

    def _check_size(self) -> None:
        for level, wanted in SETS[self.task_set].items() if self.task_set is not None else ():
            found = len(self._tasks[level])
            if found < wanted:
                raise InfrarayError(
                    f"--set {self.task_set}: needs {wanted} tasks of level {level}, the run has {found} good ones; "
                    "play more seeds"
                )
