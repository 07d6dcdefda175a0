"""How much each hyperparameter matters, as bars."""

from __future__ import annotations

from matplotlib.figure import FigureBase

from infraray.reports.plots.canvas import BETTER, MUTED, label_rows
from infraray.tune.report.plots.plot import StudyPlot
from infraray.tune.report.study_report import StudyReport

SHOWN = 16
"""The most important ones; the bars of the others would have no length."""


def draw_importances(report: StudyReport, figure: FigureBase) -> None:
    """A bar for each of the most important hyperparameters; the reason where there are none."""
    axes = figure.subplots()
    importance = report.importance
    if not importance.shares:
        axes.axis("off")
        axes.text(0.5, 0.5, importance.remark, ha="center", va="center", color=MUTED, transform=axes.transAxes)
        return
    shown = dict(list(importance.shares.items())[:SHOWN])
    axes.barh(range(len(shown)), list(shown.values()), height=0.6, color=BETTER)
    label_rows(axes, shown)
    axes.set_xlim(0, max(1.0, *shown.values()) * 1.02)
    axes.set_xlabel(f"importance ({importance.remark}; {100 * max(importance.explained, 0):.0f} % explained)")


PLOT = StudyPlot(
    "importances",
    "Importance",
    "of each hyperparameter in the region searched.",
    draw_importances,
    7,
    lambda report: 1.2 + 0.34 * max(min(len(report.importance.shares), SHOWN), 2),
)
