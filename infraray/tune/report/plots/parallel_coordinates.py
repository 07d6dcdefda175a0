"""All configurations at once: an axis for each hyperparameter, a line for each trial, the score at the end."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import FigureBase

from infraray.reports.notation import plain, shortened
from infraray.reports.plots.canvas import BETTER, GRID, MUTED, SURFACE, WORSE
from infraray.space.hyperparameters import Categorical, Hyperparameter
from infraray.space.values import written
from infraray.tune.report.plots.plot import StudyPlot
from infraray.tune.report.study_report import StudyReport, TrialRow

AXES = 12
"""The most important hyperparameters, or the first ones; more could not be read."""
MOST_TICKS = 7
INACTIVE = -0.12
"""Height of what is inactive in a configuration, and of the score of one that failed."""
BEST_SHARE = 0.1


def draw_parallel_coordinates(report: StudyReport, figure: FigureBase) -> None:
    """Lines of full trials; the best tenth stands out, failed ones are dashed."""
    axes = figure.subplots()
    names = list(report.importance.shares)[:AXES] or [one.name for one in report.space.hyperparameters][:AXES]
    dimensions = [one for one in report.space.hyperparameters if one.name in names]
    ranked = sorted(report.scored, key=lambda row: -row.score if report.score.higher_is_better else row.score)
    failed = [row for row in report.failed if row.budget == report.max_budget]
    jitter = np.random.default_rng(0)
    best = max(1, round(BEST_SHARE * len(ranked)))

    def line(row: TrialRow, end: float) -> list[float]:
        return [*(_height(dimension, row, jitter) for dimension in dimensions), end]

    for row in failed:
        axes.plot(line(row, INACTIVE), color=WORSE, linewidth=0.8, alpha=0.5, linestyle=(0, (3, 2)))
    for place in reversed(range(len(ranked))):
        height = 1 - place / max(len(ranked) - 1, 1)
        leading = place < best
        axes.plot(
            line(ranked[place], height),
            color=BETTER if leading else MUTED,
            linewidth=2.2 if place == 0 else 1.3 if leading else 0.8,
            alpha=1.0 if place == 0 else 0.75 if leading else 0.12 + 0.3 * height,
        )
    for position, dimension in enumerate(dimensions):
        for height, label in _ticks(dimension):
            box = {"facecolor": SURFACE, "edgecolor": "none", "alpha": 0.75, "pad": 0.6}
            axes.text(position - 0.04, height, label, ha="right", va="center", fontsize=7, parse_math=False, bbox=box)
    for height, label in _score_ticks([row.score for row in ranked]):
        axes.text(len(dimensions) + 0.04, height, label, ha="left", va="center", fontsize=7)
    has_foot = bool(failed) or any(dimension.when for dimension in dimensions)
    if has_foot:
        said = "inactive; failed" if failed else "inactive"
        axes.text(-0.04, INACTIVE, said, ha="right", va="center", fontsize=7, color=MUTED)
    titles = [*(shortened(dimension.name, 20) for dimension in dimensions), shortened(report.score.name, 20)]
    slant = 20 if len(titles) > 6 else 0
    axes.set_xticks(range(len(titles)), titles, parse_math=False, rotation=slant, ha="left" if slant else "center")
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.set_yticks([])
    axes.set_xlim(-0.35, len(dimensions) + 0.35)
    axes.set_ylim(INACTIVE - 0.06 if has_foot else -0.05, 1.05)
    for position in range(len(titles)):
        axes.axvline(position, color=GRID, linewidth=1.2, zorder=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _height(dimension: Hyperparameter, row: TrialRow, jitter: np.random.Generator) -> float:
    """Where a trial's line crosses an axis; equal values lie a little apart, so that lines can be counted."""
    if dimension.name not in row.configuration:
        return INACTIVE
    spread = 0.0 if dimension.size is None else min(0.015, 0.2 / dimension.size)
    return dimension.position(row.configuration[dimension.name]) + float(jitter.uniform(-spread, spread))


def _ticks(dimension: Hyperparameter) -> list[tuple[float, str]]:
    """Values along an axis: all where there are few, else some."""
    if dimension.size is not None and dimension.size <= MOST_TICKS:
        return [(dimension.position(value), _value_text(dimension, value)) for value in dimension.values]
    values = [dimension.at(height) for height in (0.0, 0.25, 0.5, 0.75, 1.0)]
    return [(dimension.position(value), _value_text(dimension, value)) for value in values]


def _value_text(dimension: Hyperparameter, value: object) -> str:
    if isinstance(dimension, Categorical):
        return shortened(value if isinstance(value, str) else written(value), 14)  # type: ignore[arg-type]
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _score_ticks(scores: list[float]) -> list[tuple[float, str]]:
    """The best, the median and the worst score; the axis is their order, so that one outlier hides nothing."""
    if not scores:
        return []
    places = sorted({0, (len(scores) - 1) // 2, len(scores) - 1})
    return [
        (1 - place / max(len(scores) - 1, 1), plain(scores[place])) for place in places if math.isfinite(scores[place])
    ]


PLOT = StudyPlot(
    "parallel",
    "Parallel coordinates.",
    "A line is a configuration; blue: the best tenth.",
    draw_parallel_coordinates,
    11,
    lambda report: 4.6,
)
