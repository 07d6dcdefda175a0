"""A study's report: a run's page, on which configurations and agents stand in one table, with the search below it."""

from __future__ import annotations

import dataclasses
from functools import partial

from markupsafe import Markup

from infraray.reports.columns.column import View, lay_out
from infraray.reports.explanation import uncorrected
from infraray.reports.html import Figure, render
from infraray.reports.notation import duration
from infraray.reports.page import page_values
from infraray.reports.plots.canvas import draw_svg
from infraray.reports.report import Report
from infraray.tune.report.columns import STANDINGS, metric_columns, standing_lines, trial_columns
from infraray.tune.report.plots import PLOTS
from infraray.tune.report.plots.plot import StudyPlot
from infraray.tune.report.study_report import StudyReport

EXPLANATION = {
    "trial": "One configuration measured with one budget on the development seeds. Trial 0 are the defaults.",
    "best so far": "The best score of a trial with the full budget up to then.",
    "evaluation seeds": "Seeds that no trial saw. The best configuration counts by its score there, not by the one "
    "that it was chosen for, which is too good on average. One that fails there, or that the defaults beat, is "
    "refused, and the next best takes its place.",
    "vs defaults": "Difference to the defaults on the same evaluation seeds, paired by seed, with its 95 % interval. "
    "Tied: the interval contains 0. Verdicts hold one by one and are not corrected for their number.",
    "importance": "Share of the variance of the score over the space that is left where all other hyperparameters are "
    "known, by a random forest that learnt from the trials (Sobol's total effect). Where the forest explains little, "
    "it says little.",
    "parallel coordinates": "A line a configuration, an axis a hyperparameter; the last axis is the order of the "
    "scores. Blue: the best tenth. Dashed: failed. At the foot: inactive.",
    "failed": "A trial without a score. The searcher was told a finite penalty: as far behind the worst score as the "
    "worst is behind the best.",
    "cut off": "The study's time was up while the trial ran; nothing was learned from it.",
}


def make_study_page(study: StudyReport, report: Report) -> str:
    """The whole page.

    Args:
        study: what the search came to.
        report: the episodes on the evaluation seeds, as of any run.
    """
    plan, lines = study.manifest.plan.model_dump(mode="json"), standing_lines(study)
    values = page_values(dataclasses.replace(report, notes=study.warnings))
    about = dict(
        study=study,
        facts=[*_facts(study), *values["facts"]],
        standings=lay_out([*STANDINGS, *metric_columns(lines)], lines, View.PAGE),
        uncorrected=uncorrected(study.comparisons) if study.comparisons > 1 else "",
        searched=[_drawn(plot, study) for plot in PLOTS],
        trials=lay_out(trial_columns(study.study.budget_unit), study.trials, View.PAGE),
        settings={"study": plan, "space": study.study.space},
        explanation={**EXPLANATION, **values["explanation"]},
    )
    return render(__package__, "study.html", **{**values, **about})


def _facts(report: StudyReport) -> list[tuple[str, str, bool]]:
    """What stands at the top in large letters: (figure, what it counts, whether it is bad)."""
    cut_off = [(f"{len(report.cut_off):,}", "cut off", False)] if report.cut_off else []
    return [
        (report.searcher, "searcher", False),
        (f"{len(report.trials):,}", "trials", False),
        (f"{len(report.failed):,}", "failed trials", bool(report.failed)),
        *cut_off,
        (duration(report.seconds), "searched", False),
    ]


def _drawn(plot: StudyPlot, report: StudyReport) -> Figure:
    svg = draw_svg(
        plot.name, f"{plot.title} {plot.caption}", plot.width, plot.height(report), partial(plot.draw, report)
    )
    return Figure(plot.title, plot.caption, Markup(svg))
