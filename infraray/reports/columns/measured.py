"""Columns of what was measured: a mean with its uncertainty, and the metrics beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from infraray.reports.columns.column import EVERYWHERE, ROOMY, Cell, Column, Line, View
from infraray.reports.notation import interval, number, plain
from infraray.statistics.intervals import BOOTSTRAP_FROM, RESAMPLES, Estimate


def mean_columns(
    mean: Callable[[Line], Estimate],
    decimals: Callable[[Line], int],
    hint: str,
    meaning: str = "",
    fields: Mapping[str, Callable[[Line], Any]] | None = None,
    sem_views: frozenset[View] = ROOMY,
) -> tuple[Column[Line], ...]:
    """The mean score, its standard error and its interval.

    Args:
        mean: of a line.
        decimals: to which they are written.
        hint: what the mean is over.
        meaning: the same in sentences, as `Column` has it.
        fields: CSV's columns beside the mean.
        sem_views: where people see the standard error.
    """
    return (
        Column(
            "score",
            lambda line: Cell(number(mean(line).value, decimals(line)), mean(line).value),
            {"score": lambda line: mean(line).value, **(fields or {})},
            hint=hint,
            meaning=meaning,
        ),
        Column(
            "SEM",
            lambda line: Cell(number(mean(line).sem, decimals(line)), mean(line).sem),
            {"sem": lambda line: mean(line).sem},
            hint="standard error of the mean",
            meaning="Standard error of the mean: standard deviation of the task means (n - 1) over the root of their "
            "number.",
            views=sem_views,
        ),
        Column(
            "95 % interval",
            lambda line: Cell(interval(mean(line), decimals(line)), mean(line).low),
            {
                "low": lambda line: mean(line).low,
                "high": lambda line: mean(line).high,
                "tasks": lambda line: mean(line).n,
            },
            hint="of the mean; sorts by its lower end",
            meaning=f"Bootstrap over tasks ({RESAMPLES:,} resamples, fixed seed, percentiles expanded for few tasks), "
            f"which cannot leave the range of the scores; for fewer than {BOOTSTRAP_FROM} tasks Student's t interval, "
            "cut at the ends of the score's range.",
        ),
    )


def metric_columns(
    lines: Sequence[Line], metrics: Callable[[Line], Mapping[str, float]], views: frozenset[View] = EVERYWHERE
) -> list[Column[Line]]:
    """A column for each metric that any line has.

    Args:
        lines: of the table.
        metrics: of a line, by name.
        views: where people see them.
    """

    def value(name: str, line: Line) -> float:
        return metrics(line).get(name, math.nan)

    def cell(name: str, line: Line) -> Cell:
        return Cell(plain(value(name, line)), value(name, line))

    names = sorted({name for line in lines for name in metrics(line)})
    return [Column(name, partial(cell, name), {f"metric_{name}": partial(value, name)}, views=views) for name in names]
