"""Progress of a run: at a terminal, a bar per scenario and agent; elsewhere, plain lines."""

from __future__ import annotations

import time
from collections import Counter
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from infraray.actors.batches import Who
from infraray.actors.rollout import BatchReport
from infraray.runs.plan import Plan

PLAIN_INTERVAL_S = 5.0
MAX_BARS = 30
"""With more rows than this, there is one bar per scenario."""


class RunProgress:
    """Shows finished, owed and failed episodes, the rate, and the time left.

    Args:
        plan: what is played.
        console: where it is shown; without a terminal, as a line every few seconds.
    """

    def __init__(self, plan: Plan, console: Console) -> None:
        self.console = console
        self.totals: Counter[Who] = Counter()
        for lineup in plan.lineups:
            for entry in lineup.entries:
                self.totals[lineup.label, entry.agent] = lineup.total_per_entry
        self.done: Counter[Who] = Counter()
        self.failed: Counter[Who] = Counter()
        self.played_here = 0
        self.began = time.monotonic()
        self.shown_at = self.began
        self.by_agent = len(self.totals) <= MAX_BARS
        self.bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[failed]}", style="red"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            expand=True,
        )
        self.rows: dict[str, TaskID] = {}
        for who in self.totals:
            name = self._row(who)
            if name not in self.rows:
                total = sum(count for other, count in self.totals.items() if self._row(other) == name)
                self.rows[name] = self.bars.add_task(name, total=total, failed="", rate="", start=False)

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._refresh(force=True)
        self.bars.stop()

    def collected(self, before: Counter[Who]) -> None:
        """Counts episodes of an earlier run as done, but not towards this run's rate."""
        self.done += before
        for who, count in before.items():
            self.bars.update(self.rows[self._row(who)], advance=count)
        self._refresh()

    def played(self, report: BatchReport) -> None:
        """Counts a batch of this run."""
        self.done += report.finished + report.failed
        self.failed += report.failed
        self.played_here += report.finished.total() + report.failed.total()
        for who, count in (report.finished + report.failed).items():
            row = self.rows[self._row(who)]
            self.bars.start_task(row)
            self.bars.update(row, advance=count)
        self._refresh()

    def notice(self, text: str) -> None:
        """Prints something worth a line."""
        self.console.print(f"note: {text}", markup=False, highlight=False, soft_wrap=True)

    def _row(self, who: Who) -> str:
        return f"{who[0]}  {who[1]}" if self.by_agent else who[0]

    def _refresh(self, force: bool = False) -> None:
        if self.console.is_terminal:
            for name, row in self.rows.items():
                failures = sum(count for who, count in self.failed.items() if self._row(who) == name)
                speed = self.bars.tasks[row].speed
                self.bars.update(
                    row, failed=f"{failures} failed" if failures else "", rate=f"{speed:.1f}/s" if speed else ""
                )
            return
        now = time.monotonic()
        if not force and now - self.shown_at < PLAIN_INTERVAL_S:
            return
        self.shown_at = now
        done, total = self.done.total(), self.totals.total()
        rate = self.played_here / max(now - self.began, 1e-9)
        left = f", {(total - done) / rate:.0f} s left" if rate and total > done else ""
        failed = f", {self.failed.total()} failed" if self.failed else ""
        self.console.print(
            f"{done} of {total} episodes, {total - done} owed{failed}, {rate:.1f}/s{left}",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
