"""A plot of a study."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import FigureBase

from infraray.tune.report.study_report import StudyReport


@dataclass(frozen=True)
class StudyPlot:
    """One plot.

    Args:
        name: letters and hyphens, unique among the plots.
        title: the first words of the caption.
        caption: the others.
        draw: draws a study on a figure or on a part of one.
        width: in inches.
        height: in inches, of a study's plot.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[StudyReport, FigureBase], None]
    width: float
    height: Callable[[StudyReport], float]
