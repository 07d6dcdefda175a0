"""The report as one HTML page that needs nothing else: no network, no other file."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections.abc import Sequence
from importlib import resources

from infraray.reports.explanation import EXPLANATION, uncorrected
from infraray.reports.footer import footer
from infraray.reports.html_table import Cell, Heading, agent_cell, escape, figure_cell, table, with_minus
from infraray.reports.leaderboard import Row
from infraray.reports.notation import (
    UNKNOWN,
    count_of,
    decimals_for,
    duration,
    interval,
    number,
    pass_headings,
    pass_texts,
    percent,
    plain,
    rank,
)
from infraray.reports.places import Places, places_of
from infraray.reports.plots import (
    MATRIX_AGENTS,
    plot_differences,
    plot_distributions,
    plot_places,
    plot_standings,
)
from infraray.reports.remarks import below_the_table, remarks
from infraray.reports.report import Report, ScenarioReport
from infraray.statistics.power import about

_REMARKS_OPEN = 10


def make_page(report: Report) -> str:
    """The whole page."""
    style, script = (resources.files(__package__).joinpath(name).read_text() for name in ("page.css", "page.js"))
    # The page holds texts that agents wrote. They are escaped; should one slip through, this forbids it to run.
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    sections = [_scenario(scenario, f"scenario-{index}") for index, scenario in enumerate(report.scenarios)]
    places = places_of(report)
    overview = [_overview(report, places)] if places.worth_showing else []
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(report.name)}: infraray report</title>
<style>
{style}</style>
</head>
<body>
{_header(report)}
<main>
{"".join([*overview, *sections, _explanation()])}</main>
{footer(report.origin)}
<script>{script}</script>
</body>
</html>
"""


def _header(report: Report) -> str:
    agents = {row.agent for scenario in report.scenarios for row in scenario.leaderboard.rows}
    facts = [
        ("", f"{report.collected:,}", f"of {report.planned:,} episodes" if report.owed else "episodes"),
        ("", str(len(report.scenarios)), "scenario" if len(report.scenarios) == 1 else "scenarios"),
        ("", str(len(agents)), "agent" if len(agents) == 1 else "agents"),
        ("bad" if report.failed else "", f"{report.failed:,}", "failed"),
    ]
    if report.owed:
        facts.append(("bad", f"{report.owed:,}", "owed"))
    cards = "".join(f'<li class="{kind}"><b>{figure}</b><span>{name}</span></li>' for kind, figure, name in facts)
    warnings = "".join(f'<p class="warning" role="note">{escape(warning)}</p>\n' for warning in report.warnings)
    links = "".join(
        f'<li><a href="#scenario-{index}">{escape(scenario.label)}</a></li>'
        for index, scenario in enumerate(report.scenarios)
    )
    begun = escape(report.created_at.replace("T", " ").replace("+00:00", " UTC"))
    return f"""<header>
<h1>{escape(report.name)}</h1>
<p class="muted">begun {begun} · infraray {escape(report.infraray_version)}</p>
<ul class="facts">{cards}</ul>
{warnings}<nav aria-label="Scenarios"><ul>{links}<li><a href="#reading">How to read this</a></li></ul></nav>
</header>"""


def _overview(report: Report, places: Places) -> str:
    headings = [
        Heading("agent", text=True),
        Heading("mean", "mean place over all scenarios, where the agent has one in each"),
        *(Heading(scenario.label) for scenario in report.scenarios),
    ]
    rows = [
        [
            agent_cell(agent),
            _place_cell(places.mean(agent)),
            *(figure_cell(percent(place), place) for place in places.of(agent)),
        ]
        for agent in places.agents
    ]
    return f"""<section id="overview">
<h2>Across scenarios</h2>
<p class="muted">Each agent's place between the floor (0 %, the random agent) and the bound (100 %, the best score known
or provable).</p>
{table("Place by scenario", headings, rows)}
{_places_figure(report, places)}
</section>
"""


def _places_figure(report: Report, places: Places) -> str:
    shown = places.agents[:MATRIX_AGENTS]
    svg = plot_places(report, list(shown), "places")
    return _figure("places", "Places.", "Dots with 95 % intervals over tasks; an arrow is off the axis.", svg)


def _scenario(scenario: ScenarioReport, anchor: str) -> str:
    board = scenario.leaderboard
    better = "higher is better" if scenario.score.higher_is_better else "lower is better"
    unit = f" ({escape(scenario.score.unit)})" if scenario.score.unit not in ("", "1") else ""
    owed = f", {scenario.owed:,} of {scenario.planned:,} owed" if scenario.owed else ""
    ranked = [row for row in board.rows if row.rank is not None]
    plots = ""
    if ranked:
        plots = (
            '<div class="plots">'
            + _figure(
                "",
                "Mean scores",
                "with 95 % intervals; filled dots are the best and those tied with it.",
                plot_standings(scenario, f"{anchor}-standings"),
            )
            + _figure(
                "",
                "Distribution of scores.",
                "Box: quartiles and median; line: 5 to 95 %; points: episodes, failed ones at what they count for.",
                plot_distributions(scenario, f"{anchor}-distributions"),
            )
            + "</div>"
        )
    if len(ranked) > 1:
        plots += _figure(
            "matrix",
            "Row minus column,",
            "paired by task, not corrected for their number. Blue: the row is better; orange: worse; grey: tied."
            + (f" The best {MATRIX_AGENTS} agents." if len(ranked) > MATRIX_AGENTS else ""),
            plot_differences(scenario, f"{anchor}-differences"),
        )
    return f"""<section id="{anchor}">
<h2>{escape(scenario.label)}</h2>
<p class="muted">{escape(scenario.entry["scenario"])} version {scenario.entry["version"]} ·
score: {escape(scenario.score.name)}{unit}, {better} · {count_of(scenario.tasks, "task")},
{count_of(scenario.collected, "episode")}{owed} · floor {with_minus(plain(board.floor))},
bound {with_minus(plain(board.bound))}</p>
{_leaderboard_table(scenario)}
{"".join(f'<p class="muted">{escape(line)}</p>' for line in below_the_table(scenario))}
{_remarks(scenario)}
{plots}
{_comparisons(scenario)}
{_metrics(scenario)}
{_settings(scenario)}
</section>
"""


def _leaderboard_table(scenario: ScenarioReport) -> str:
    rows = scenario.leaderboard.rows
    decimals = decimals_for(row.score for row in rows)
    difference_decimals = decimals_for(row.versus_best.difference for row in rows if row.versus_best is not None)
    correct = any(row.correct is not None for row in rows)
    safe = any(row.safe is not None for row in rows)
    passes = pass_headings(rows)
    seeds = any(row.seeds_to_separate is not None for row in rows)
    tokens = any(row.input_tokens is not None or row.output_tokens is not None for row in rows)
    headings = [
        Heading("rank", "agents that nothing separates share one"),
        Heading("agent", text=True),
        Heading("score", "mean over tasks; a failed one counts as the worst score on it"),
        Heading("SEM", "standard error of the mean"),
        Heading("95 % interval", "of the mean; sorts by its lower end"),
        Heading("against the best", "paired by task; sorts by the difference"),
        *([Heading("seeds", "that would tell a tied agent from the best")] if seeds else []),
        Heading("place", "0 % is the floor, 100 % the bound"),
        *([Heading("correct", "share of tasks")] if correct else []),
        *([Heading("safe", "share of tasks")] if safe else []),
        *(
            Heading(name, "chance that as many attempts at a task hold a success (@), are all successes (^)")
            for name in passes
        ),
        Heading("episodes", "collected"),
        Heading("failed", "the agent's own failures; each counts as the worst score on its task"),
        Heading("steps", "mean of a finished episode"),
        Heading("invalid", "share of all answers; and of those cut off, empty, refused"),
        Heading("time", "mean of a finished episode"),
        Heading("total time", "of all episodes"),
        *([Heading("tokens", "prompt and generated, all episodes")] if tokens else []),
    ]

    def cells(row: Row) -> list[Cell]:
        return [
            figure_cell(rank(row), math.nan if row.rank is None else row.rank),
            agent_cell(row.agent),
            figure_cell(number(row.score.value, decimals), row.score.value),
            figure_cell(number(row.score.sem, decimals), row.score.sem),
            figure_cell(interval(row.score, decimals), row.score.low),
            _versus_best(row, difference_decimals),
            *([_seeds_cell(row)] if seeds else []),
            _place_cell(row.place.value),
            *([_rate_cell(row, "correct")] if correct else []),
            *([_rate_cell(row, "safe")] if safe else []),
            *_pass_cells(row, passes),
            figure_cell(f"{row.episodes:,}", row.episodes),
            figure_cell(f"{row.failed:,}", row.failed, "failed" if row.failed else ""),
            figure_cell(UNKNOWN if math.isnan(row.steps) else number(row.steps, 1), row.steps),
            _answers_cell(row),
            figure_cell(duration(row.wall_s), row.wall_s),
            figure_cell(duration(row.total_wall_s), row.total_wall_s),
            *([_tokens_cell(row)] if tokens else []),
        ]

    return table(f"Leaderboard of {scenario.label}", headings, map(cells, rows))


def _versus_best(row: Row, decimals: int) -> Cell:
    if row.rank is None:
        return figure_cell(UNKNOWN, math.nan)
    if row.versus_best is None:
        return Cell('<span class="best">best</span>', 0.0)
    difference, verdict = row.versus_best.difference, row.versus_best.verdict
    if verdict == "n/a":
        return figure_cell(UNKNOWN, math.nan)
    size, span = number(difference.value, decimals, sign=True), interval(difference, decimals, sign=True)
    markup = (
        f'{with_minus(size)} <span class="range">{with_minus(span)}</span> <span class="{verdict}">{verdict}</span>'
    )
    return Cell(markup, difference.value)


def _seeds_cell(row: Row) -> Cell:
    seeds = row.seeds_to_separate
    return Cell("", math.nan) if seeds is None else figure_cell(about(seeds), seeds)


def _place_cell(place: float) -> Cell:
    if math.isnan(place):
        return figure_cell(UNKNOWN, place)
    width = 100 * min(max(place, 0.0), 1.0)
    bar = f'<span class="bar" aria-hidden="true"><i style="width:{width:.1f}%"></i></span>'
    return Cell(f'{bar}<span class="share">{with_minus(percent(place))}</span>', place)


def _pass_cells(row: Row, headings: Sequence[str]) -> list[Cell]:
    shares = (row.passes.any, row.passes.all) if row.passes is not None else (math.nan, math.nan)
    return [figure_cell(text, share) for text, share in zip(pass_texts(row, headings), shares, strict=False)]


def _rate_cell(row: Row, name: str) -> Cell:
    rate = row.correct if name == "correct" else row.safe
    if rate is None:
        return figure_cell(UNKNOWN, math.nan)
    span = f"[{100 * rate.low:.0f}, {100 * rate.high:.0f}]"
    return Cell(f'{percent(rate.value)} <span class="range">{span}</span>', rate.value)


def _answers_cell(row: Row) -> Cell:
    shares = row.answers
    if shares is None:
        return figure_cell(UNKNOWN, math.nan)
    others = [f"{percent(getattr(shares, name))} {name}" for name in ("cut", "empty", "refused")]
    beside = "" if shares.are_all_well else f' <span class="range">{", ".join(others)}</span>'
    return Cell(f"{percent(shares.invalid)}{beside}", shares.invalid)


def _tokens_cell(row: Row) -> Cell:
    total = (row.input_tokens or 0) + (row.output_tokens or 0)
    known = row.input_tokens is not None or row.output_tokens is not None
    return figure_cell(f"{total:,}", total) if known else figure_cell(UNKNOWN, math.nan)


def _remarks(scenario: ScenarioReport) -> str:
    lines = [f"<li><code>{escape(agent)}</code>: {escape(remark)}</li>" for agent, remark in remarks(scenario)]
    if not lines:
        return ""
    opened = " open" if len(lines) <= _REMARKS_OPEN else ""
    title = f"Failures and remarks about {count_of(len(lines), 'agent')}"
    return f"<details{opened}><summary>{title}</summary>\n<ul>{''.join(lines)}</ul></details>"


def _comparisons(scenario: ScenarioReport) -> str:
    ranked = [row.agent for row in scenario.leaderboard.rows if row.rank is not None]
    shown = [
        scenario.leaderboard.comparisons.of(better, worse)
        for position, better in enumerate(ranked[:MATRIX_AGENTS])
        for worse in ranked[position + 1 : MATRIX_AGENTS]
    ]
    if not shown:
        return ""
    decimals = decimals_for(comparison.difference for comparison in shown)
    headings = [
        Heading("agent", text=True),
        Heading("other", text=True),
        Heading("difference", "agent minus other"),
        Heading("95 % interval"),
        Heading("tasks", "that both have a score on"),
        Heading("verdict", text=True),
    ]
    rows = [
        [
            agent_cell(comparison.agent),
            agent_cell(comparison.other),
            figure_cell(number(comparison.difference.value, decimals, sign=True), comparison.difference.value),
            figure_cell(interval(comparison.difference, decimals, sign=True), comparison.difference.low),
            figure_cell(f"{comparison.difference.n:,}", comparison.difference.n),
            Cell(f'<span class="{_kind(comparison.verdict)}">{comparison.verdict}</span>', comparison.verdict, "text"),
        ]
        for comparison in shown
    ]
    title = f"All {count_of(len(shown), 'paired comparison')}"
    if len(ranked) > MATRIX_AGENTS:
        title = f"Paired comparisons of the best {MATRIX_AGENTS} agents (comparisons.csv has the others)"
    note = f'<p class="muted">{uncorrected(len(scenario.leaderboard.comparisons.pairs))}</p>'
    return f"<details><summary>{title}</summary>\n{note}{table(title, headings, rows)}\n</details>"


def _kind(verdict: str) -> str:
    return "muted" if verdict == UNKNOWN else verdict


def _metrics(scenario: ScenarioReport) -> str:
    rows = scenario.leaderboard.rows
    names = sorted({name for row in rows for name in row.metrics})
    if not names:
        return ""
    headings = [Heading("agent", text=True), *(Heading(name) for name in names)]
    cells = [
        [
            agent_cell(row.agent),
            *(figure_cell(plain(value), value) for value in (row.metrics.get(name, math.nan) for name in names)),
        ]
        for row in rows
    ]
    return (
        "<details><summary>Further metrics, means over finished episodes</summary>\n"
        f"{table('Further metrics', headings, cells)}\n</details>"
    )


def _settings(scenario: ScenarioReport) -> str:
    entry = scenario.entry
    texts = {name: json.dumps(entry[name], indent=2, sort_keys=True) for name in ("parameters", "options")}
    blocks = "".join(
        f"<h3>{name.capitalize()}</h3>\n<pre>{_escape_block(text)}</pre>\n" for name, text in texts.items()
    )
    return f"<details><summary>Parameters and options</summary>\n{blocks}</details>"


def _escape_block(text: str) -> str:
    return "\n".join(escape(line) if line.strip() else "" for line in text.split("\n"))


def _figure(kind: str, title: str, caption: str, svg: str) -> str:
    name = f' class="{kind}"' if kind else ""
    return f'<figure{name}><figcaption><b>{title}</b> {caption}</figcaption><div class="scroll">{svg}</div></figure>\n'


def _explanation() -> str:
    terms = "".join(f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>\n" for term, text in EXPLANATION.items())
    return f'<section id="reading">\n<h2>How to read this</h2>\n<dl>\n{terms}</dl>\n</section>\n'
