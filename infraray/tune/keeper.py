"""What the driver of a study asks of the collector: what a dead actor delivered, and the record of what killed it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infraray.actors.collector import ask
from infraray.episodes import EpisodeSpec, failed_trajectory
from infraray.trajectories.encoding import encode, to_batch
from infraray.tune.evaluation import Result, read_results


@dataclass(frozen=True)
class EpisodeKeeper:
    """Keeps what no actor can keep any more.

    Args:
        study: its name.
        folder: the study's.
        collector: the handle of the actor that writes there.
    """

    study: str
    folder: Path
    collector: Any

    def collected(self, specs: Sequence[EpisodeSpec]) -> dict[bytes, Result]:
        """Of these episodes the results of those that are collected."""
        ids = [spec.id for spec in specs]
        if all(ask(self.collector, "missing", ids)):
            return {}
        found = read_results(self.folder)
        return {identity: found[identity] for identity in ids if identity in found}

    def give_up(self, spec: EpisodeSpec, reason: str) -> dict[bytes, Result]:
        """Records an episode that its actor did not survive."""
        trajectory = failed_trajectory(spec, reason, 1, datetime.now(UTC), 0.0, [])
        ask(self.collector, "append", encode(to_batch(self.study, [trajectory]), [spec.id]))
        return {spec.id: Result.of(trajectory)}
