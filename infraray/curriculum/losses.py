"""What became of a task, as a loss between 0 and 1, from what is stored of its episode."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infraray.trajectories.reader import Run

COLUMNS = ("episode_id", "status", "correct", "normalized_score")
"""The columns of an episode that its loss follows from."""


def loss_of(episode: Mapping[str, Any]) -> float | None:
    """1 for a task that was failed, 0 for one that was solved.

    Where the scenario does not say which, it is the part of the way from the floor to the bound that was not made. None
    where both are equal, since nothing was to be gained, or unknown.

    Args:
        episode: the columns `COLUMNS` by name.
    """
    if episode["status"] != "finished":
        return 1.0
    if episode["correct"] is not None:
        return 0.0 if episode["correct"] else 1.0
    if episode["normalized_score"] is None:
        return None
    return 1.0 - min(max(float(episode["normalized_score"]), 0.0), 1.0)


def collected_losses(folder: Path) -> dict[str, float | None]:
    """The losses of all episodes of a folder, by their ids.

    Raises:
        InfrarayError: the folder holds no run, or one that cannot be trusted.
    """
    return {
        row["episode_id"]: loss_of(row) for batch in Run(folder).episode_batches(COLUMNS) for row in batch.to_pylist()
    }
