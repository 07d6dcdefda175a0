"""Everyone against everyone: paired differences as a matrix."""

from __future__ import annotations

import math

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from infraray.reports.notation import decimals_for, number, shortened
from infraray.reports.plots.canvas import BETTER, GRID, INK, MOST_AGENTS, MUTED, WORSE, draw_svg
from infraray.reports.plots.plot import Plot
from infraray.reports.report import ScenarioReport
from infraray.statistics.comparisons import Comparison

_TEXT_UP_TO = 14
_STRENGTH = 0.10, 0.55
"""Opacity of the smallest and the largest difference, so that text on it keeps its contrast."""


def plot_differences(scenario: ScenarioReport, name: str) -> str:
    """A cell says what the row's agent scores more or less than the column's; blue is better, orange worse."""
    agents = [row.agent for row in scenario.leaderboard.ranked[:MOST_AGENTS]]
    comparisons = scenario.leaderboard.comparisons
    cells = {
        (row, column): comparisons.of(agents[row], agents[column])
        for row in range(len(agents))
        for column in range(len(agents))
        if row != column
    }
    decimals = decimals_for(cell.difference for cell in cells.values())
    largest = max((abs(cell.difference.value) for cell in cells.values()), default=0.0)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for (row, column), cell in cells.items():
            colour, strength = _shade(cell, largest)
            place = column - 0.5, row - 0.5
            axes.add_patch(Rectangle(place, 1, 1, facecolor=(colour, strength), edgecolor=(GRID, 1.0), linewidth=0.6))
            if len(agents) <= _TEXT_UP_TO:
                text = "tied" if cell.verdict == "tied" else number(cell.difference.value, decimals, sign=True)
                text = text.replace("-", "\N{MINUS SIGN}")
                size = 8.5 if len(agents) <= 10 else 7
                colour = MUTED if cell.verdict in ("tied", "n/a") else INK
                axes.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)
        names = [shortened(agent, 30) for agent in agents]
        axes.set_xticks(range(len(agents)), [str(position + 1) for position in range(len(agents))])
        axes.set_yticks(
            range(len(agents)), [f"{name}  {rank}" for rank, name in enumerate(names, start=1)], parse_math=False
        )
        axes.xaxis.tick_top()
        axes.tick_params(length=0)
        axes.set_xlim(-0.5, len(agents) - 0.5)
        axes.set_ylim(len(agents) - 0.5, -0.5)
        for spine in axes.spines.values():
            spine.set_visible(False)

    title = f"Paired differences between agents in {scenario.label}"
    cell_width = 0.62 if len(agents) <= _TEXT_UP_TO else 0.3
    return draw_svg(name, title, 2.9 + cell_width * len(agents), 0.6 + min(0.4, cell_width) * max(len(agents), 2), draw)


def _shade(cell: Comparison, largest: float) -> tuple[str, float]:
    if cell.verdict not in ("better", "worse"):
        return GRID, 0.35 if cell.verdict == "tied" else 0.0
    share = math.sqrt(abs(cell.difference.value) / largest) if 0 < largest < math.inf else 1.0
    low, high = _STRENGTH
    return (BETTER if cell.verdict == "better" else WORSE), low + share * (high - low)


PLOT = Plot(
    "differences",
    "Row minus column,",
    "paired by task, not corrected for their number. Blue: the row is better; orange: worse; grey: tied. "
    f"Of more than {MOST_AGENTS} agents the best.",
    plot_differences,
    lambda scenario: len(scenario.leaderboard.ranked) > 1,
    is_wide=True,
)
