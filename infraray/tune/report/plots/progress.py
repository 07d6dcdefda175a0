"""How the search went: every trial's score and the best so far, over trials and over seconds."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from infraray.reports.plots.canvas import BETTER, FLOOR, LOG_FROM, MUTED, WORSE, drawable
from infraray.tune.report.plots.plot import StudyPlot
from infraray.tune.report.study_report import StudyReport


def draw_progress(report: StudyReport, figure: FigureBase) -> None:
    """Two panels: over what was spent in full measurements, and over wall-clock seconds."""
    panels = figure.subplots(1, 2, sharey=True)
    _draw_panel(report, panels[0], report.spent, "full measurements")
    _draw_panel(report, panels[1], [row.ended_s for row in report.trials], "seconds")
    unit = f" ({report.score.unit})" if report.score.unit not in ("", "1") else ""
    panels[0].set_ylabel(f"{report.score.name}{unit}\non the development seeds", parse_math=False)
    panels[0].legend(loc="best", frameon=False, fontsize=8)


def _draw_panel(report: StudyReport, axes: Axes, places: list[float], label: str) -> None:
    full = report.max_budget
    edge = _edge(report)
    for rows, style, name in (
        ([row.budget == full for row in report.trials], {"color": MUTED, "marker": "o"}, "trials"),
        (
            [row.budget < full for row in report.trials],
            {"color": MUTED, "marker": "o", "markerfacecolor": "none", "alpha": 0.6},
            "trials on smaller budgets",
        ),
    ):
        shown = [
            (place, drawable(edge if report.better(edge, row.score) else row.score))
            for place, row, chosen in zip(places, report.trials, rows, strict=True)
            if chosen and math.isfinite(row.score)
        ]
        if shown:
            axes.plot(*zip(*shown, strict=True), linestyle="none", markersize=3.6, label=name, **style)
    best = [
        (place, drawable(value))
        for place, value in zip(places, report.best_so_far, strict=True)
        if math.isfinite(value)
    ]
    if best:
        ends = [*best, (places[-1], best[-1][1])]
        axes.plot(*zip(*ends, strict=True), drawstyle="steps-post", color=BETTER, linewidth=2.2, label="best so far")
    defaults = next((row.score for row in report.trials if row.number == 0), math.nan)
    if math.isfinite(defaults):
        axes.axhline(drawable(defaults), color=FLOOR, linewidth=1.4, linestyle=(0, (4, 2)), label="defaults")
    lost = [place for place, row in zip(places, report.trials, strict=True) if not math.isfinite(row.score)]
    if lost:
        # At the panel's foot, whatever its scale: a failure has no score.
        foot = [0.02] * len(lost)
        axes.plot(lost, foot, "x", color=WORSE, transform=axes.get_xaxis_transform(), label="failed or cut off")
    scores = [drawable(row.score) for row in report.trials if math.isfinite(row.score)]
    _scale(axes, [score for score in scores if not report.better(edge, score)])
    if any(report.better(edge, score) for score in scores):
        axes.axhline(drawable(edge), color=MUTED, linewidth=0.8, linestyle=(0, (1, 3)), label="and worse")
    axes.set_xlabel(label)
    axes.set_xlim(left=0)
    axes.grid(True)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _edge(report: StudyReport) -> float:
    """The worst score that is shown at its place: one disaster must not make all others look alike."""
    full = sorted((row.score for row in report.scored), reverse=not report.score.higher_is_better)
    if not full:
        return math.nan
    best, usual = full[-1], full[len(full) // 4]
    defaults = next((row.score for row in report.scored if row.number == 0), usual)
    worst = usual if report.better(defaults, usual) else defaults
    # As far again below as the worst of the two is from the best.
    edge = drawable(worst + (worst - best))
    return edge if report.better(edge, full[0]) else full[0]


def _scale(axes: Axes, scores: list[float]) -> None:
    """A logarithmic axis where scores span much, so that the best can be told apart."""
    if scores and min(scores) > 0 and max(scores) / min(scores) > LOG_FROM / 10:
        axes.set_yscale("log")
        few_decades = max(scores) / min(scores) < 100
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7) if few_decades else (1,), numticks=12))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.4g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())


PLOT = StudyPlot(
    "progress", "Best so far", "over full measurements and over time.", draw_progress, 9, lambda report: 3.4
)
