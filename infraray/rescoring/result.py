"""The result of rescoring, counted by agent and scenario, and shown as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.table import Table

from infraray.episodes import Trajectory
from infraray.rescoring.changes import Changes
from infraray.trajectories.stored_episode import StoredEpisode


@dataclass
class Tally:
    """The result of rescoring the episodes of one agent in one scenario."""

    episodes: int = 0
    changed: int = 0
    diverged: int = 0
    failed_before: int = 0
    failed_now: int = 0
    invalid_before: int = 0
    invalid_after: int = 0
    scores_before: list[float] = field(default_factory=list)
    scores_after: list[float] = field(default_factory=list)
    changes: Counter[str] = field(default_factory=Counter)
    """The number of episodes in which each thing changed."""

    def add(self, episode: StoredEpisode, after: Mapping[str, Any], trajectory: Trajectory, changes: Changes) -> None:
        """Counts an episode; takes the arguments of `find_changes` and its result."""
        self.episodes += 1
        self.changed += bool(changes)
        self.changes.update(changes.names)
        self.diverged += changes.diverged
        self.failed_now += trajectory.measures is None
        self.invalid_before += sum(not step["valid"] for step in episode.steps)
        self.invalid_after += sum(not step.info["valid"] for step in trajectory.steps)
        if episode.row["score"] is not None:
            self.scores_before.append(episode.row["score"])
        if after["score"] is not None:
            self.scores_after.append(after["score"])


@dataclass(frozen=True)
class Rescoring:
    """The outcome of rescoring a run.

    Args:
        out: the new run's folder.
        tallies: what changed, by (scenario's label, agent).
        left_out: episodes that the run's present plan does not ask for.
        scenarios_left_out: why scenarios cannot be rescored, one line each, by label.
    """

    out: Path
    tallies: Mapping[tuple[str, str], Tally]
    left_out: int
    scenarios_left_out: Mapping[str, str]

    def total(self, name: str) -> int:
        """A count of `Tally` over all agents."""
        return sum(getattr(tally, name) for tally in self.tallies.values())

    def table(self) -> Table:
        """A table of changes, one row per agent and scenario: mean scores and invalid answers before and after."""
        table = Table()
        table.add_column("scenario", overflow="fold")
        table.add_column("agent", overflow="fold")
        for name in ("changed", "diverged", "score", "invalid"):
            table.add_column(name, no_wrap=True)
        table.add_column("what changed", overflow="fold")
        for (label, agent), tally in self.tallies.items():
            table.add_row(
                label,
                agent,
                f"{tally.changed} of {tally.episodes}",
                str(tally.diverged),
                _before_and_after(_mean(tally.scores_before), _mean(tally.scores_after)),
                _before_and_after(str(tally.invalid_before), str(tally.invalid_after)),
                ", ".join(tally.changes),
            )
        return table

    def summary(self) -> str:
        """The counts in one line, followed by one for each scenario that was left out."""
        left_out = f"; left out: {self.left_out} of an earlier plan" if self.left_out else ""
        scenarios = "".join(f"\nleft out: {why}" for why in self.scenarios_left_out.values())
        return (
            f"{self.total('episodes')} episodes rescored into {self.out}: {self.total('changed')} changed, "
            f"{self.total('diverged')} of them diverged, {self.total('failed_now')} failed now; "
            f"{self.total('failed_before')} that had failed before were copied{left_out}{scenarios}"
        )


def _before_and_after(before: str, after: str) -> str:
    return before if before == after else f"{before} → {after}"


def _mean(scores: Sequence[float]) -> str:
    return f"{sum(scores) / len(scores):.6g}" if scores else "-"
