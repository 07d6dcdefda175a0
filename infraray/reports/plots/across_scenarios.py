"""The whole run in one plot: each agent's place between floor and bound, scenario by scenario."""

from __future__ import annotations

import math

from matplotlib.figure import Figure

from infraray.reports.notation import shortened
from infraray.reports.places import places_of
from infraray.reports.plots.canvas import BOUND, FLOOR, MOST_AGENTS, SERIES, draw_svg, label_rows
from infraray.reports.plots.plot import Plot
from infraray.reports.report import Report

MAX_SCENARIOS = len(SERIES)
_LEFTMOST = -0.5
_MARKERS = "osD^vP"


def plot_places(report: Report, name: str) -> str:
    """Dots with 95 % intervals, a colour and a shape for each of the first `MAX_SCENARIOS` scenarios.

    Args:
        report: of several scenarios.
        name: unique in the page.
    """
    agents = places_of(report).agents[:MOST_AGENTS]
    scenarios = report.scenarios[:MAX_SCENARIOS]
    places = [{row.agent: row.place for row in scenario.leaderboard.rows} for scenario in scenarios]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.axvline(0, color=FLOOR, linewidth=1.6, linestyle=(0, (4, 2)))
        axes.axvline(1, color=BOUND, linewidth=1.6, linestyle=(0, (1, 1)))
        step = 0.6 / len(scenarios)
        leftmost = 0.0
        for index, (scenario, found) in enumerate(zip(scenarios, places, strict=True)):
            colour, marker = SERIES[index], _MARKERS[index]
            axes.plot([], [], marker, color=colour, markersize=6, label=shortened(scenario.label, 24))
            for position, agent in enumerate(agents):
                place = found.get(agent)
                if place is None or not math.isfinite(place.value):
                    continue
                height = position + (index - (len(scenarios) - 1) / 2) * step
                if place.value < _LEFTMOST:  # far below the floor: an arrow at the edge
                    axes.plot(_LEFTMOST, height, marker="<", color=colour, markersize=6, clip_on=False)
                    leftmost = _LEFTMOST
                    continue
                if math.isfinite(place.low):
                    ends = [max(place.low, _LEFTMOST), place.high]
                    axes.plot(ends, [height] * 2, color=colour, linewidth=1.8, alpha=0.7)
                    leftmost = min(leftmost, ends[0])
                axes.plot(place.value, height, marker, color=colour, markersize=6)
        label_rows(axes, agents)
        axes.set_xlim(left=min(leftmost, -0.05) - 0.03)
        axes.set_xlabel("place between floor (0) and bound (1)")
        figure.legend(loc="outside upper left", ncols=3, frameon=False)

    height = 1.5 + (0.18 + 0.12 * len(scenarios)) * max(len(agents), 2)
    return draw_svg(name, "Place of each agent between floor and bound in every scenario", 9.5, height, draw)


PLOT = Plot(
    "places",
    "Places.",
    "Dots with 95 % intervals over tasks; an arrow is off the axis.",
    plot_places,
    lambda report: places_of(report).is_worth_showing,
    is_wide=True,
)
