"""The columns of the table over all scenarios."""

from __future__ import annotations

from collections.abc import Mapping

from infraray.reports.columns.cells import name, place
from infraray.reports.columns.column import NOTHING, Cell, Column
from infraray.reports.notation import percent
from infraray.reports.places import Places
from infraray.reports.report import Report


def place_columns(report: Report, places: Places) -> list[Column[str]]:
    """A column for each scenario; a line is an agent."""
    return [
        Column("agent", name, kind="name"),
        Column(
            "mean",
            lambda agent: place(places.mean(agent)),
            hint="mean place over all scenarios, where the agent has one in each",
        ),
        *map(_scenario, (scenario.label for scenario in report.scenarios), places.by_scenario),
    ]


def _scenario(label: str, found: Mapping[str, float]) -> Column[str]:
    return Column(label, lambda agent: Cell(percent(found[agent]), found[agent]) if agent in found else NOTHING)
