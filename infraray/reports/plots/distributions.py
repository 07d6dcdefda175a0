"""Distributions of the agents' scores over tasks."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from infraray.reports.plots.canvas import BETTER, INK, MUTED, draw_svg, drawable, height_of, label_rows, scale_for
from infraray.reports.plots.plot import Plot
from infraray.reports.plots.standings import axis_label
from infraray.reports.report import ScenarioReport
from infraray.statistics.distributions import MAX_POINTS

_MAX_POINTS_IN_PLOT = 40 * MAX_POINTS


def plot_distributions(scenario: ScenarioReport, name: str) -> str:
    """Boxes from the lower to the upper quartile, whiskers from 5 to 95 %, the scores as points behind."""
    ranking = [row.agent for row in scenario.leaderboard.rows if row.agent in scenario.distributions]
    spreads = [scenario.distributions[agent] for agent in ranking]
    with_points = sum(len(spread.points) for spread in spreads) <= _MAX_POINTS_IN_PLOT

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        scale = scale_for(axes, [drawable(value) for spread in spreads for value in spread.quantiles])
        jitter = np.random.default_rng(0)
        for position, spread in enumerate(spreads):
            low, five, quarter, median, three_quarters, ninety_five, high = map(drawable, spread.quantiles)
            if with_points:
                heights = position + jitter.uniform(-0.26, 0.26, len(spread.points))
                axes.plot(
                    list(map(drawable, spread.points)),
                    heights,
                    "o",
                    color=MUTED,
                    markersize=2.6,
                    alpha=0.45,
                    markeredgewidth=0,
                    zorder=1,
                )
            else:
                axes.plot([low, high], [position] * 2, "o", color=MUTED, markersize=2.6, markeredgewidth=0, zorder=1)
            for start, end in ((five, quarter), (three_quarters, ninety_five)):
                axes.plot([start, end], [position] * 2, color=BETTER, linewidth=1.4, zorder=2)
            axes.fill_betweenx(
                [position - 0.27, position + 0.27],
                quarter,
                three_quarters,
                facecolor=(BETTER, 0.22),
                edgecolor=BETTER,
                linewidth=1.2,
                zorder=3,
            )
            axes.plot([median] * 2, [position - 0.27, position + 0.27], color=INK, linewidth=2, zorder=4)
        label_rows(axes, ranking)
        axes.set_xlabel(f"{axis_label(scenario)}, per episode{scale}", parse_math=False)

    title = f"Distribution of the scores of each agent in {scenario.label}"
    return draw_svg(name, title, 7.2, height_of(len(spreads)), draw)


PLOT = Plot(
    "distributions",
    "Distribution of scores.",
    "Box: quartiles and median; line: 5 to 95 %; points: episodes, failed ones at what they count for.",
    plot_distributions,
    lambda scenario: bool(scenario.distributions),
)
