"""The behaviour of agents as plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from infraray.reports.plots.canvas import MUTED, SERIES, draw_png, height_of, label_rows
from infraray.workspaces.behaviour.activity import NAMES
from infraray.workspaces.behaviour.report import AgentBehaviour

_ACTIVITIES = ("model answers", "tools run", "scaffold starts", "agent acts", "idle")


def write_plots(found: Sequence[AgentBehaviour], folder: Path) -> list[Path]:
    """Writes PNG files into a folder: what the time went into, and what was named against used.

    Returns:
        The files.
    """
    rows = [f"{one.agent}, {one.scenario}" for one in found]
    drawn = {"activity": draw_png(9.5, height_of(len(rows)) + 0.4, lambda figure: _activity(figure, found, rows))}
    techniques = sorted({name for one in found for name in one.techniques})
    if techniques:
        height = height_of(len(techniques) * len(found))
        drawn["techniques"] = draw_png(9.5, height, lambda figure: _techniques(figure, found, rows, techniques))
    paths = []
    for name, content in drawn.items():
        path = folder / f"behaviour-{name}.png"
        path.write_bytes(content)
        paths.append(path)
    return paths


def _activity(figure: Figure, found: Sequence[AgentBehaviour], rows: Sequence[str]) -> None:
    """Bars of shares of the time."""
    axes = figure.subplots()
    for position, one in enumerate(found):
        whole = sum(episode.activity.whole_s for episode in one.episodes) or 1.0
        left = 0.0
        for name, colour in zip(NAMES, SERIES, strict=False):
            share = sum(getattr(episode.activity, name) for episode in one.episodes) / whole
            axes.barh(position, share, left=left, color=colour, height=0.6)
            left += share
    for label, colour in zip(_ACTIVITIES, SERIES, strict=False):
        axes.barh([0], [0], color=colour, label=label)
    label_rows(axes, rows)
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of the time")
    figure.legend(loc="outside upper left", ncols=5, frameon=False)


def _techniques(figure: Figure, found: Sequence[AgentBehaviour], rows: Sequence[str], techniques: list[str]) -> None:
    """For each technique and agent a line from the share that used it to the share that named it."""
    axes = figure.subplots()
    labels = [f"{name}: {row}" for name in techniques for row in rows]
    for position, (name, one) in enumerate((name, one) for name in techniques for one in found):
        named, used = one.share_of(name, "named"), one.share_of(name, "used")
        axes.plot([used, named], [position] * 2, color=MUTED, linewidth=1.2)
        axes.plot(named, position, "o", color=SERIES[1], label="named" if position == 0 else None)
        axes.plot(used, position, "s", color=SERIES[0], label="used" if position == 0 else None)
    label_rows(axes, labels)
    axes.set_xlim(-0.03, 1.03)
    axes.set_xlabel("share of the episodes")
    figure.legend(loc="outside upper left", ncols=2, frameon=False)
