"""Standings: the mean score of each agent with its 95 % interval, between floor and bound."""

from __future__ import annotations

import math

from matplotlib.figure import Figure

from infraray.reports.plots.canvas import (
    BETTER,
    BOUND,
    FLOOR,
    MUTED,
    SURFACE,
    draw_svg,
    drawable,
    height_of,
    label_rows,
    scale_for,
)
from infraray.reports.plots.plot import Plot
from infraray.reports.report import ScenarioReport


def plot_standings(scenario: ScenarioReport, name: str) -> str:
    """Dots with intervals, best on top; those tied with the best are filled."""
    board = scenario.leaderboard
    rows = [row for row in board.rows if math.isfinite(row.score.value)]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        figures = [tuple(map(drawable, (row.score.value, row.score.low, row.score.high))) for row in rows]
        lines = [
            (label, drawable(value), colour, style)
            for label, value, colour, style in (
                ("floor", board.floor, FLOOR, (0, (4, 2))),
                ("bound", board.bound, BOUND, (0, (1, 1))),
            )
            if math.isfinite(value)
        ]
        shown = [*(value for values in figures for value in values), *(line[1] for line in lines)]
        scale = scale_for(axes, [value for value in shown if math.isfinite(value)])
        for label, value, colour, style in lines:
            axes.axvline(value, color=colour, linewidth=1.8, linestyle=style, label=label, zorder=1)
        for position, (row, (value, low, high)) in enumerate(zip(rows, figures, strict=True)):
            tied = row.versus_best is None or row.versus_best.verdict == "tied"
            colour = BETTER if tied else MUTED
            if math.isfinite(row.score.low) and math.isfinite(row.score.high):
                axes.plot([low, high], [position] * 2, color=colour, linewidth=2.4, zorder=2)
            face = colour if tied else SURFACE
            axes.plot(value, position, "o", color=colour, markerfacecolor=face, markersize=7, zorder=3)
        label_rows(axes, [row.agent for row in rows])
        better = "higher" if scenario.score.higher_is_better else "lower"
        axes.set_xlabel(f"{axis_label(scenario)} ({better} is better{scale})", parse_math=False)
        if lines:
            figure.legend(loc="outside upper right", ncols=2, frameon=False)

    title = f"Mean score of each agent with its 95 % interval in {scenario.label}"
    return draw_svg(name, title, 7.2, height_of(len(rows)), draw)


def axis_label(scenario: ScenarioReport) -> str:
    """The score's name with its unit."""
    unit = scenario.score.unit
    return f"{scenario.score.name}, {unit}" if unit not in ("", "1") else scenario.score.name


PLOT = Plot(
    "standings",
    "Mean scores",
    "with 95 % intervals; filled dots are the best and those tied with it.",
    plot_standings,
    lambda scenario: bool(scenario.leaderboard.ranked),
)
