"""The columns of a study's tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from infraray.reports.columns import measured
from infraray.reports.columns.cells import name, versus
from infraray.reports.columns.column import NOTHING, PAGE_ONLY, Cell, Column
from infraray.reports.columns.measured import mean_columns
from infraray.reports.notation import decimals_for, duration, plain, printable
from infraray.tune.report.study_report import Standing, StudyReport, TrialRow


@dataclass(frozen=True)
class Line:
    """A configuration or an agent on the evaluation seeds.

    Args:
        standing: its figures.
        decimals: of scores in this table.
        difference_decimals: of differences from the defaults.
    """

    standing: Standing
    decimals: int
    difference_decimals: int


def standing_lines(report: StudyReport) -> list[Line]:
    """The table's lines, the best first."""
    decimals = decimals_for(standing.score for standing in report.standings)
    differences = decimals_for(one.against_defaults for one in report.standings if one.against_defaults is not None)
    return [Line(standing, decimals, differences) for standing in report.standings]


def _role(line: Line) -> Cell:
    role = line.standing.role
    return Cell("", role, badge=role) if role == "best" else Cell(role, role)


def _against_defaults(line: Line) -> Cell:
    standing = line.standing
    if standing.role == "defaults":
        return Cell("defaults", 0.0)
    if standing.against_defaults is None:
        return NOTHING
    return versus(standing.against_defaults, standing.verdict, line.difference_decimals)


STANDINGS: tuple[Column[Line], ...] = (
    Column("role", _role, kind="word"),
    Column("what", lambda line: name(line.standing.label), kind="name"),
    *mean_columns(
        lambda line: line.standing.score,
        lambda line: line.decimals,
        hint="mean over the evaluation seeds",
        sem_views=PAGE_ONLY,
    ),
    Column("vs defaults", _against_defaults, hint="paired by seed; sorts by the difference"),
    Column("seeds", lambda line: Cell(str(line.standing.score.n), line.standing.score.n), views=PAGE_ONLY),
)


def metric_columns(lines: Sequence[Line]) -> list[Column[Line]]:
    """What was measured beside the score."""
    return measured.metric_columns(lines, lambda line: line.standing.evaluation.metrics, PAGE_ONLY)


def _failure(row: TrialRow) -> Cell:
    failure, reason = row.evaluation.failure or "", row.evaluation.reason
    said = printable(f"{failure}: {reason}" if reason else failure)
    return Cell(said, failure, is_alarming=bool(said))


def trial_columns(budget_unit: str) -> list[Column[TrialRow]]:
    """The columns of all trials; a budget is in ``budget_unit``."""
    return [
        Column("trial", lambda row: Cell(str(row.number), row.number)),
        Column("configuration", lambda row: name(row.label), kind="name"),
        Column(budget_unit, lambda row: Cell(f"{row.budget:,}", row.budget), hint="the trial's budget"),
        Column("score", lambda row: Cell(plain(row.score), row.score), hint="on the development seeds"),
        Column("failure", _failure, kind="words"),
        Column("took", lambda row: Cell(duration(row.ended_s - row.began_s), row.ended_s - row.began_s)),
        Column("ended", lambda row: Cell(duration(row.ended_s), row.ended_s), hint="on the study's clock"),
        Column("proposed by", lambda row: Cell(row.source, row.source), kind="word"),
    ]
