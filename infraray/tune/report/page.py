"""A study's report as one HTML page that needs nothing else: no network, no other file."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Callable
from importlib import resources

from matplotlib.figure import FigureBase

from infraray.provenance import describe
from infraray.reports.explanation import uncorrected
from infraray.reports.footer import footer
from infraray.reports.html_table import Cell, Heading, agent_cell, escape, figure_cell, table, with_minus
from infraray.reports.notation import UNKNOWN, decimals_for, duration, interval, number, plain
from infraray.reports.plots.canvas import draw_svg
from infraray.tune.report.plots import draw_importances, draw_parallel_coordinates, draw_progress
from infraray.tune.report.plots.importances import SHOWN
from infraray.tune.report.study_report import Standing, StudyReport, TrialRow

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


def make_study_page(report: StudyReport) -> str:
    """The whole page."""
    style, script = (
        resources.files("infraray.reports").joinpath("templates", name).read_text() for name in ("page.css", "page.js")
    )
    # The page holds texts that engines wrote. They are escaped; should one slip through, this forbids it to run.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    terms = "".join(f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>\n" for term, text in EXPLANATION.items())
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(report.name)}: infraray search</title>
<style>
{style}</style>
</head>
<body>
{_header(report)}
<main>
{_standings(report)}
{_search(report)}
{_trials(report)}
<section id="reading">
<h2>How to read this</h2>
<dl>
{terms}</dl>
</section>
</main>
{footer(describe(report.manifest.get("sessions")))}
<script>{script}</script>
</body>
</html>
"""


def _header(report: StudyReport) -> str:
    of = "" if report.space_size is None else f" of {report.space_size:,} configurations"
    facts = [
        ("", escape(report.searcher), "searcher"),
        ("", f"{len(report.trials):,}", "trials"),
        ("bad" if report.failed else "", f"{len(report.failed):,}", "failed"),
        ("", duration(report.seconds), "searched"),
    ]
    if report.cut_off:
        facts.insert(3, ("", f"{len(report.cut_off):,}", "cut off"))
    cards = "".join(f'<li class="{kind}"><b>{figure}</b><span>{name}</span></li>' for kind, figure, name in facts)
    warnings = "".join(f'<p class="warning" role="note">{escape(warning)}</p>\n' for warning in report.warnings)
    begun = escape(str(report.manifest["created_at"]).replace("T", " ").replace("+00:00", " UTC"))
    version = escape(str(report.manifest["infraray_version"]))
    scenario = escape(str(report.manifest["study"]["scenario"]))
    return f"""<header>
<h1>{escape(report.name)}</h1>
<p class="muted">search in {scenario} over {escape(report.space.id)}{of} · begun {begun} · infraray {version}</p>
<ul class="facts">{cards}</ul>
{warnings}</header>"""


def _standings(report: StudyReport) -> str:
    better = "higher is better" if report.score.higher_is_better else "lower is better"
    unit = f" ({escape(report.score.unit)})" if report.score.unit not in ("", "1") else ""
    decimals = decimals_for(standing.score for standing in report.standings)
    differences = [one.against_defaults for one in report.standings if one.against_defaults is not None]
    difference_decimals = decimals_for(differences)
    names = sorted({name for standing in report.standings for name in standing.measurement.metrics})
    headings = [
        Heading("role", text=True),
        Heading("what", text=True),
        Heading("score", "mean over the evaluation seeds"),
        Heading("SEM", "standard error of the mean"),
        Heading("95 % interval", "of the mean; sorts by its lower end"),
        Heading("vs defaults", "paired by seed; sorts by the difference"),
        Heading("seeds"),
        *(Heading(name) for name in names),
    ]

    def cells(standing: Standing) -> list[Cell]:
        metrics = standing.measurement.metrics
        return [
            Cell(f'<span class="{"best" if standing.role == "best" else ""}">{standing.role}</span>', standing.role),
            agent_cell(standing.label),
            figure_cell(number(standing.score.value, decimals), standing.score.value),
            figure_cell(number(standing.score.sem, decimals), standing.score.sem),
            figure_cell(interval(standing.score, decimals), standing.score.low),
            _against_defaults(standing, difference_decimals),
            figure_cell(str(standing.score.n), standing.score.n),
            *(figure_cell(plain(metrics.get(name, math.nan)), metrics.get(name, math.nan)) for name in names),
        ]

    found = table("On the evaluation seeds", headings, map(cells, report.standings)) if report.standings else ""
    if report.comparisons > 1:
        found += f'<p class="muted">{uncorrected(report.comparisons)}</p>'
    return f"""<section id="standings">
<h2>On the evaluation seeds</h2>
<p class="muted">score: {escape(report.score.name)}{unit}, {better}</p>
{found}
</section>
"""


def _against_defaults(standing: Standing, decimals: int) -> Cell:
    if standing.role == "defaults":
        return Cell('<span class="muted">defaults</span>', 0.0)
    if standing.against_defaults is None or standing.verdict == "n/a":
        return figure_cell(UNKNOWN, math.nan)
    size = number(standing.against_defaults.value, decimals, sign=True)
    span = interval(standing.against_defaults, decimals, sign=True)
    kind = standing.verdict
    markup = f'{with_minus(size)} <span class="range">{with_minus(span)}</span> <span class="{kind}">{kind}</span>'
    return Cell(markup, standing.against_defaults.value)


def _search(report: StudyReport) -> str:
    rows = min(len(report.importance.shares), SHOWN)
    progress = _figure(
        report, "progress", "Best so far", "over full measurements and over time.", draw_progress, 9, 3.4
    )
    importances = _figure(
        report,
        "importances",
        "Importance",
        "of each hyperparameter in the region searched.",
        draw_importances,
        7,
        1.2 + 0.34 * max(rows, 2),
    )
    parallel = _figure(
        report,
        "parallel",
        "Parallel coordinates.",
        "A line is a configuration; blue: the best tenth.",
        draw_parallel_coordinates,
        11,
        4.6,
    )
    return f'<section id="search">\n<h2>The search</h2>\n{progress}{importances}{parallel}</section>\n'


def _figure(
    report: StudyReport,
    name: str,
    title: str,
    caption: str,
    draw: Callable[[StudyReport, FigureBase], None],
    width: float,
    height: float,
) -> str:
    svg = draw_svg(name, f"{title} {caption}", width, height, lambda figure: draw(report, figure))
    return f'<figure><figcaption><b>{title}</b> {caption}</figcaption><div class="scroll">{svg}</div></figure>\n'


def _trials(report: StudyReport) -> str:
    headings = [
        Heading("trial"),
        Heading("configuration", text=True),
        Heading(f"{report.manifest['budget_unit']}", "the trial's budget"),
        Heading("score", "on the development seeds"),
        Heading("failure", text=True),
        Heading("took"),
        Heading("ended", "on the study's clock"),
        Heading("proposed by", text=True),
    ]

    def cells(row: TrialRow) -> list[Cell]:
        failure = row.measurement.failure or ""
        said = f"{failure}: {row.measurement.reason}" if row.measurement.reason else failure
        return [
            figure_cell(str(row.number), row.number),
            agent_cell(row.label),
            figure_cell(f"{row.budget:,}", row.budget),
            figure_cell(plain(row.score), row.score),
            Cell(f'<span class="failed">{escape(said)}</span>' if said else "", failure, "agent"),
            figure_cell(duration(row.ended_s - row.began_s), row.ended_s - row.began_s),
            figure_cell(duration(row.ended_s), row.ended_s),
            Cell(escape(row.source), row.source, "text"),
        ]

    settings = json.dumps({"study": report.manifest["study"], "space": report.manifest["space"]}, indent=2)
    return f"""<section id="trials">
<h2>Trials</h2>
<details><summary>All {len(report.trials):,} trials</summary>
{table("Trials", headings, map(cells, report.trials))}
</details>
<details><summary>Study and space</summary>
<pre>{chr(10).join(escape(line) if line.strip() else "" for line in settings.split(chr(10)))}</pre>
</details>
</section>
"""
