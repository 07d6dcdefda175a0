"""Writing a study's report: study.html, study.png."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from infraray.errors import InfrarayError
from infraray.reports.plots.canvas import draw_png
from infraray.tune.report.page import make_study_page
from infraray.tune.report.plots import PLOTS
from infraray.tune.report.study_report import StudyReport, study_report


def write_study_report(folder: str | Path) -> StudyReport:
    """Evaluates a study and writes ``report/study.html`` and ``report/study.png`` into its folder.

    Raises:
        InfrarayError: there is nothing to report, or the folder cannot be written.
    """
    made = study_report(folder)
    target = Path(folder) / "report"
    files = {"html": target / "study.html", "png": target / "study.png"}
    try:
        target.mkdir(exist_ok=True)
        files["html"].write_text(make_study_page(made), encoding="utf-8", errors="replace")
        files["png"].write_bytes(_picture(made))
    except OSError as error:
        raise InfrarayError(f"{target}: the report cannot be written ({error.strerror})") from None
    return dataclasses.replace(made, files=files)


def _picture(report: StudyReport) -> bytes:
    """The plots under each other."""
    heights = [plot.height(report) for plot in PLOTS]

    def draw(figure: Figure) -> None:
        parts: Any = figure.subfigures(len(PLOTS), 1, height_ratios=heights)
        for part, plot in zip(parts, PLOTS, strict=True):
            part.set_facecolor("none")
            plot.draw(report, part)

    return draw_png(11, sum(heights), draw)
