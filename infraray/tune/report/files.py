"""Writing a study's report: that of a run, with the search on its page, and a picture."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from infraray.errors import InfrarayError
from infraray.reports.files import write_report
from infraray.reports.plots.canvas import draw_png
from infraray.tune.report.page import make_study_page
from infraray.tune.report.plots import PLOTS
from infraray.tune.report.study_report import StudyReport, study_report


def write_study_report(folder: str | Path) -> StudyReport:
    """Evaluates a study and writes into its folder what every run has, and ``report/study.png``.

    Raises:
        InfrarayError: there is nothing to report, or the folder cannot be written.
    """
    made = study_report(folder)
    target = Path(folder) / "report"
    written = write_report(folder, target, lambda report: make_study_page(made, report))
    try:
        (target / "study.png").write_bytes(_picture(made))
    except OSError as error:
        raise InfrarayError(f"{target}: the report cannot be written ({error.strerror})") from None
    return dataclasses.replace(made, files={**written.files, "png": target / "study.png"})


def _picture(report: StudyReport) -> bytes:
    """The plots under each other."""
    heights = [plot.height(report) for plot in PLOTS]

    def draw(figure: Figure) -> None:
        parts: Any = figure.subfigures(len(PLOTS), 1, height_ratios=heights)
        for part, plot in zip(parts, PLOTS, strict=True):
            part.set_facecolor("none")
            plot.draw(report, part)

    return draw_png(11, sum(heights), draw)
