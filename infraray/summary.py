"""The summary of a run, and what its folder keeps of each start."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from infraray.provenance import session
from infraray.runs.plan import Plan
from infraray.trajectories.store import write_manifest
from infraray.version import __version__


@dataclass
class Summary:
    """A run's outcome in numbers.

    Args:
        planned: episodes in the plan.
        found: those of them collected by an earlier run.
        finished: finished in this run.
        failed: given up in this run.
        failures: the first reasons.
        stopped: why episodes are still owed, one line each; empty if none are.
        wall_s: duration in seconds.
    """

    planned: int
    found: int = 0
    finished: int = 0
    failed: int = 0
    failures: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    wall_s: float = 0.0

    @property
    def owed(self) -> int:
        """The number of episodes still to be played."""
        return self.planned - self.found - self.finished - self.failed


def note_start(plan: Plan, run_dir: Path) -> None:
    """Writes the plan and this start into ``run.json``; the folder's lock must be held."""
    created_at = datetime.now(UTC).isoformat(timespec="seconds")
    sessions = (session(),) if plan.is_start else ()
    about = {"infraray_version": __version__, "created_at": created_at, "sessions": sessions}
    write_manifest(run_dir, plan.manifest().model_copy(update=about))
