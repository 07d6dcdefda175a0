"""The columns of a probe's tables."""

from __future__ import annotations

from dataclasses import dataclass

from infraray.curriculum.report.probe_report import PhaseRow, ProbeReport
from infraray.reports.columns.cells import name
from infraray.reports.columns.column import NOTHING, Cell, Column
from infraray.reports.notation import percent
from infraray.statistics.intervals import Estimate


@dataclass(frozen=True)
class Line:
    """An agent on all tasks, or in one region.

    Args:
        agent: its spec.
        region: the region in words.
        loss: the mean loss there.
        breaks: whether the region breaks the agent; None for all tasks.
    """

    agent: str
    region: str
    loss: Estimate
    breaks: bool | None


def lines_of(report: ProbeReport) -> list[Line]:
    """For each agent all tasks, then its regions: first those that break it, the worst first."""
    lines = []
    for agent in report.agents:
        if agent.verdict is None:
            continue
        lines.append(Line(agent.agent, "all tasks", agent.verdict.overall, None))
        regions = sorted(agent.verdict.regions, key=lambda one: (not one.breaks, -one.loss.value))
        lines += [Line(agent.agent, str(one.region), one.loss, one.breaks) for one in regions]
    return lines


def _verdict(line: Line) -> Cell:
    if line.breaks is None:
        return Cell("", "")
    return Cell("breaks", "breaks", is_alarming=True) if line.breaks else Cell("not shown", "not shown")


REGIONS: tuple[Column[Line], ...] = (
    Column("agent", lambda line: name(line.agent), {"agent": lambda line: line.agent}, kind="name"),
    Column("region", lambda line: name(line.region), {"region": lambda line: line.region}, kind="name"),
    Column(
        "loss",
        lambda line: Cell(percent(line.loss.value), line.loss.value),
        {"loss": lambda line: line.loss.value},
        hint="mean: 0 % where all is solved, 100 % where all is failed",
        meaning="Share of tasks that the agent failed. Where a scenario does not say that a task is solved, the part "
        "of the way from the task's floor to its bound that the agent did not make.",
    ),
    Column(
        "interval",
        lambda line: (
            Cell(f"[{percent(line.loss.low)}, {percent(line.loss.high)}]", line.loss.low) if line.loss.n else NOTHING
        ),
        {"low": lambda line: line.loss.low, "high": lambda line: line.loss.high},
        hint="all intervals of an agent hold together at 95 %",
        meaning="All intervals of an agent hold together with a probability of 95 %, whatever the distribution of the "
        "losses (Waudby-Smith and Ramdas, 2024; half of the 5 % is for the overall loss, the rest in equal parts for "
        "the regions). Regions were fixed before the tasks on which they are judged were drawn.",
    ),
    Column(
        "tasks",
        lambda line: Cell(f"{line.loss.n:,}", line.loss.n),
        {"tasks": lambda line: line.loss.n},
        hint="fresh ones, which had no part in the search",
    ),
    Column(
        "verdict",
        _verdict,
        {"breaks": lambda line: line.breaks},
        kind="word",
        meaning="A region breaks an agent if its interval lies above the whole interval over all tasks. Not shown: the "
        "region stood out in the search, and fresh tasks do not bear that out.",
    ),
)

PHASES: tuple[Column[PhaseRow], ...] = (
    Column("agent", lambda row: name(row.agent), kind="name"),
    Column("phase", lambda row: Cell(row.phase, row.phase), kind="word"),
    Column("tasks", lambda row: Cell(f"{row.tasks:,}", row.tasks)),
    Column("played", lambda row: Cell(f"{row.played:,}", row.played)),
    Column("loss", lambda row: Cell(percent(row.loss), row.loss), hint="mean; the search looks for a high one"),
)
