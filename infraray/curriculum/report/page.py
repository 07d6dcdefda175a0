"""A probe's page: which regions break whom, and how the tasks were drawn."""

from __future__ import annotations

from infraray.curriculum.report.columns import PHASES, REGIONS, lines_of
from infraray.curriculum.report.probe_report import ProbeReport
from infraray.reports.columns.column import View, lay_out
from infraray.reports.html import render

EXPLANATION = {
    **{str(column.heading): column.meaning for column in REGIONS if column.meaning},
    "survey": "Tasks drawn uniformly. They give the loss over all tasks.",
    "search": "Tasks drawn where failures were seen before. Their loss is high by design and proves nothing.",
    "confirmation": "Fresh tasks, drawn uniformly inside a region that was fixed before.",
}


def make_probe_page(report: ProbeReport) -> str:
    """The whole page."""
    regions = [one for agent in report.agents if agent.verdict for one in agent.verdict.regions]
    rows = [row for agent in report.agents for row in agent.phases]
    return render(
        __package__,
        "probe.html",
        report=report,
        facts=[
            (f"{sum(row.played for row in rows):,}", "episodes", False),
            (f"{len(report.agents):,}", "agent" if len(report.agents) == 1 else "agents", False),
            (f"{sum(one.breaks for one in regions):,}", "breaking regions", any(one.breaks for one in regions)),
        ],
        regions=lay_out(REGIONS, lines_of(report), View.PAGE),
        phases=lay_out(PHASES, rows, View.PAGE),
        settings=report.manifest.plan.model_dump(mode="json"),
        explanation=EXPLANATION,
        origin=report.origin,
    )
