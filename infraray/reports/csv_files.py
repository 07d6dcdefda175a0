"""The report as CSV: full precision, empty where a figure is unknown."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from typing import Any

from infraray.reports.report import Report
from infraray.statistics.intervals import Estimate
from infraray.trajectories.answer_counts import ANSWER_FAULTS

NONE = "none"
"""How verdicts are corrected for the number of comparisons, said where they are read."""


def leaderboard_csv(report: Report) -> str:
    """One line for each scenario and agent; columns of the scenario's own metrics at the end, ``metric_NAME``."""
    all_rows = [(scenario, row) for scenario in report.scenarios for row in scenario.leaderboard.rows]
    metrics = sorted({name for _, row in all_rows for name in row.metrics})
    header = [
        *("scenario", "rank", "shares_rank", "agent", "score", "score_name", "unit", "higher_is_better"),
        *("sem", "low", "high", "tasks", "place", "place_low", "place_high", "floor", "bound"),
        *("versus_best", "versus_best_low", "versus_best_high", "versus_best_tasks", "verdict", "correction"),
        "seeds_to_separate",
        *("episodes", "finished", "failed", "failure", "forfeited", "unscored", "flawed", "flaw"),
        *("correct", "correct_sem", "correct_low", "correct_high", "safe", "safe_sem", "safe_low", "safe_high"),
        *("pass_k", "pass_at_k", "pass_hat_k"),
        *("steps", "wall_s", "total_wall_s", "input_tokens", "output_tokens"),
        *(f"answers_{fault}" for fault in ANSWER_FAULTS),
        *(f"metric_{name}" for name in metrics),
    ]
    lines = []
    for scenario, row in all_rows:
        versus, score, place = row.versus_best, row.score, row.place
        difference = [*_ends(versus.difference), versus.difference.n, versus.verdict, NONE] if versus else [None] * 6
        lines.append(
            [
                *(scenario.label, row.rank, row.shares_rank, row.agent, score.value),
                *(scenario.score.name, scenario.score.unit, scenario.score.higher_is_better),
                *(score.sem, score.low, score.high, score.n, *_ends(place)),
                *(scenario.leaderboard.floor, scenario.leaderboard.bound, *difference, row.seeds_to_separate),
                *(row.episodes, row.finished, row.failed, row.failure, row.forfeited, row.unscored),
                *(row.flawed, row.flaw),
                *(*_rate(row.correct), *_rate(row.safe)),
                *((row.passes.k, row.passes.any, row.passes.all) if row.passes else [None] * 3),
                *(row.steps, row.wall_s, row.total_wall_s, row.input_tokens, row.output_tokens),
                *(getattr(row.answers, fault, None) for fault in ANSWER_FAULTS),
                *(row.metrics.get(name) for name in metrics),
            ]
        )
    return _csv(header, lines)


def comparisons_csv(report: Report) -> str:
    """One line for each pair of agents of a scenario, the higher ranked first."""
    header = ["scenario", "agent", "other", "difference", "sem", "low", "high", "tasks", "verdict", "correction"]
    lines = [
        [
            *(scenario.label, pair.agent, pair.other, found.value, found.sem, found.low, found.high, found.n),
            *(pair.verdict, NONE),
        ]
        for scenario in report.scenarios
        for pair in scenario.leaderboard.comparisons
        for found in [pair.difference]
    ]
    return _csv(header, lines)


def _ends(estimate: Estimate) -> list[float]:
    return [estimate.value, estimate.low, estimate.high]


def _rate(rate: Estimate | None) -> list[float | None]:
    return [None] * 4 if rate is None else [rate.value, rate.sem, rate.low, rate.high]


def _csv(header: Sequence[str], lines: Iterable[Sequence[Any]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_field(value) for value in line] for line in lines)
    return file.getvalue()


def _field(value: Any) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return str(value).lower() if isinstance(value, bool) else value
