"""The report as one self-contained HTML page: no network, no other file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from markupsafe import Markup

from infraray.reports.columns import comparisons, leaderboard
from infraray.reports.columns.column import Table, View, lay_out
from infraray.reports.columns.leaderboard_line import LeaderboardTable
from infraray.reports.columns.places import place_columns
from infraray.reports.explanation import EXPLANATION, uncorrected
from infraray.reports.html import Figure, render
from infraray.reports.notation import count_of, decimals_for
from infraray.reports.places import places_of
from infraray.reports.plots import OF_A_RUN, OF_A_SCENARIO
from infraray.reports.plots.canvas import MOST_AGENTS
from infraray.reports.plots.plot import Plot, Shown
from infraray.reports.remarks import above_the_table, below_the_table, remarks
from infraray.reports.report import Report, ScenarioReport


def make_page(report: Report) -> str:
    """The whole page."""
    return render(__package__, "report.html", **page_values(report))


def page_values(report: Report) -> dict[str, Any]:
    """The values for ``report.html``, and for templates that extend it."""
    places = places_of(report)
    overview = lay_out(place_columns(report, places), places.agents, View.PAGE) if places.is_worth_showing else None
    return {
        "report": report,
        "facts": _facts(report),
        "overview": overview,
        "figures": _drawn(OF_A_RUN, report, "run"),
        "sections": [_Section(scenario, f"scenario-{index}") for index, scenario in enumerate(report.scenarios)],
        "explanation": EXPLANATION,
        "origin": report.origin,
    }


def _facts(report: Report) -> list[tuple[str, str, bool]]:
    """The headline figures: (figure, what it counts, whether it is bad)."""
    agents = {row.agent for scenario in report.scenarios for row in scenario.leaderboard.rows}
    facts = [
        (f"{report.collected:,}", f"of {report.planned:,} episodes" if report.owed else "episodes", False),
        (str(len(report.scenarios)), "scenario" if len(report.scenarios) == 1 else "scenarios", False),
        (str(len(agents)), "agent" if len(agents) == 1 else "agents", False),
        (f"{report.failed:,}", "failed", report.failed > 0),
    ]
    return [*facts, (f"{report.owed:,}", "owed", True)] if report.owed else facts


def _drawn(plots: Iterable[Plot[Shown]], shown: Shown, anchor: str) -> list[Figure]:
    """The plots that are worthwhile."""
    return [
        Figure(plot.title, plot.caption, Markup(plot.draw(shown, f"{anchor}-{plot.name}")), plot.is_wide)
        for plot in plots
        if plot.is_worthwhile(shown)
    ]


@dataclass(frozen=True)
class _Section:
    """A scenario's section, as its template asks for it."""

    scenario: ScenarioReport
    anchor: str

    @property
    def above(self) -> str:
        return above_the_table(self.scenario)

    @property
    def leaderboard(self) -> Table:
        return lay_out(leaderboard.COLUMNS, LeaderboardTable(self.scenario).lines, View.PAGE)

    @property
    def below(self) -> list[str]:
        return below_the_table(self.scenario)

    @cached_property
    def remarks(self) -> list[tuple[str, str]]:
        return remarks(self.scenario)

    @property
    def figures(self) -> list[Figure]:
        return _drawn(OF_A_SCENARIO, self.scenario, self.anchor)

    @cached_property
    def comparisons(self) -> Table:
        found = self.scenario.leaderboard.comparisons
        best = [row.agent for row in self.scenario.leaderboard.ranked[:MOST_AGENTS]]
        pairs = [found.of(better, worse) for place, better in enumerate(best) for worse in best[place + 1 :]]
        decimals = decimals_for(pair.difference for pair in pairs)
        lines = [comparisons.Line(self.scenario.label, pair, decimals) for pair in pairs]
        return lay_out(comparisons.COLUMNS, lines, View.PAGE)

    @property
    def comparisons_title(self) -> str:
        if len(self.scenario.leaderboard.ranked) > MOST_AGENTS:
            return f"Paired comparisons of the best {MOST_AGENTS} agents (comparisons.csv has the others)"
        return f"All {count_of(len(self.comparisons.rows), 'paired comparison')}"

    @property
    def uncorrected(self) -> str:
        return uncorrected(len(self.scenario.leaderboard.comparisons.pairs))

    @property
    def metrics(self) -> Table | None:
        lines = LeaderboardTable(self.scenario).lines
        columns = leaderboard.metric_columns(lines)
        return lay_out([leaderboard.AGENT, *columns], lines, View.PAGE) if columns else None
