"""Progress of a probe: a line when a round begins, and every few seconds how far it is."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Console

from infraray.actors.batches import Who
from infraray.actors.rollout import BatchReport
from infraray.curriculum.probing import Round
from infraray.runs.owed import Owed

INTERVAL_S = 5.0


class ProbeProgress:
    """Follows the rounds of all agents; a `infraray.actors.scheduler.Watcher`.

    Args:
        console: where it is shown.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.total = 0
        self.done = 0
        self.failed = 0
        self.shown_at = 0.0

    def begin(self, rounds: Mapping[str, Sequence[Round]], owed: Owed) -> None:
        """Called before owed episodes are played."""
        self.total, self.done, self.shown_at = owed.plan.total, owed.plan.total - owed.total, time.monotonic()
        phases = Counter(of_agent[-1].phase for of_agent in rounds.values() if of_agent)
        said = ", ".join(phase if len(phases) == 1 else f"{phase} of {count}" for phase, count in phases.items())
        self._say(f"{said}: {owed.total} episodes to play, {self.done} played")

    def collected(self, before: Counter[Who]) -> None:
        """Nothing: what was found is told with the round."""

    def played(self, report: BatchReport) -> None:
        """Counts a batch."""
        self.done += report.finished.total() + report.failed.total()
        self.failed += report.failed.total()
        if time.monotonic() - self.shown_at >= INTERVAL_S:
            self.shown_at = time.monotonic()
            self._say(f"{self.done} of {self.total} episodes{f', {self.failed} failed' if self.failed else ''}")

    def notice(self, text: str) -> None:
        """Prints something worth a line."""
        self._say(f"note: {text}")

    def _say(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)
