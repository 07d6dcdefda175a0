"""Turns a matplotlib figure into SVG that can be placed beside others in one page.

Colours are placeholders that become the page's CSS variables, so that a plot follows the reader's
light or dark setting. Text stays text. Identifiers are prefixed, and the bytes depend only on the
data.
"""

from __future__ import annotations

import html
import io
import re
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from infraray.reports.notation import shortened

INK, MUTED, GRID, SURFACE = "#101112", "#505152", "#d0d1d2", "#f0f1f2"
BETTER, WORSE, FLOOR, BOUND = "#0072b0", "#d55e01", "#cc79a6", "#009e72"
SERIES = ("#0072b3", "#e69f03", "#009e75", "#cc79a9", "#56b4eb", "#d55e03")
"""Okabe and Ito's palette, which colour-blind readers can tell apart (jfly.uni-koeln.de/color)."""
_VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    GRID: "grid",
    SURFACE: "surface",
    BETTER: "better",
    WORSE: "worse",
    FLOOR: "floor",
    BOUND: "bound",
    **{colour: f"series-{number}" for number, colour in enumerate(SERIES)},
}

LARGEST = 1e300
"""The largest value that is drawn in place; an axis needs room for differences and margins."""
MOST_AGENTS = 30
"""The most agents, best first, in an all-against-all plot; more would be illegible."""
LABEL_LENGTH = 34
_CSS_PIXELS = 96
"""Pixels per inch."""
_SETTINGS: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],  # matplotlib brings it, so the layout is the same everywhere
    "font.size": 10,
    "svg.fonttype": "none",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": INK,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "axes.unicode_minus": True,
}


def draw_svg(name: str, title: str, width: float, height: float, draw: Callable[[Figure], None]) -> str:
    """Draws a figure and returns its ``<svg>`` element.

    Args:
        name: unique in the page; letters, digits and hyphens.
        title: what a screen reader says.
        width: in inches; the page shows the figure no larger.
        height: in inches.
        draw: draws on the figure that it is given.
    """
    file = io.StringIO()
    settings: Any = {**_SETTINGS, "svg.hashsalt": name}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        # The page's fonts have the letters that DejaVu lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        metadata = {"Date": None, "Creator": None, "Format": None, "Type": None}
        FigureCanvasSVG(figure).print_svg(file, metadata=metadata)  # type: ignore[no-untyped-call]
    return _for_page(file.getvalue(), name, title, width)


def draw_png(width: float, height: float, draw: Callable[[Figure], None]) -> bytes:
    """Draws a figure on white and returns it as PNG; takes the arguments of `draw_svg`."""
    file = io.BytesIO()
    settings: Any = {**_SETTINGS, "figure.facecolor": "white"}
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(width, height), layout="constrained", dpi=150)
        draw(figure)
        FigureCanvasAgg(figure).print_png(file)  # type: ignore[no-untyped-call]
    return file.getvalue()


def _for_page(svg: str, name: str, title: str, width: float) -> str:
    svg = svg[svg.index("<svg") :].strip()
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    used = set(re.findall(r'(?:url\(#|href="#)([\w-]+)', svg))
    svg = re.sub(r' id="([\w.-]+)"', lambda match: f' id="{name}-{match[1]}"' if match[1] in used else "", svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", svg)
    opening = re.search(r'<svg[^>]*?viewBox="([^"]*)"[^>]*>', svg)
    assert opening is not None
    head = (
        f'<svg xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="{opening[1]}" '
        f'style="max-width:{width * _CSS_PIXELS:.0f}px" role="img" aria-label="{html.escape(title)}">'
    )
    svg = head + svg[opening.end() :]
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    return svg


def label_rows(axes: Axes, names: Iterable[str]) -> None:
    """One row for each name, the first on top; names are shown literally, never read as formulas."""
    labels = [shortened(name, LABEL_LENGTH) for name in names]
    axes.set_yticks(range(len(labels)), labels, parse_math=False)
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", length=3)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def drawable(value: float) -> float:
    """A value as it is drawn."""
    return min(max(value, -LARGEST), LARGEST)


def height_of(rows: int) -> float:
    """The height, in inches, of a figure with this many rows."""
    return 1.15 + 0.34 * max(rows, 2)


def scale_for(axes: Axes, values: Iterable[float]) -> str:
    """Makes the axis logarithmic if positive values span more than `LOG_FROM`; returns a suffix for the label."""
    found = sorted(values)
    if found and found[0] > 0 and found[-1] / found[0] > LOG_FROM:
        axes.set_xscale("log")
        few_decades = found[-1] / found[0] < 3000
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if few_decades else (1,), numticks=12))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        return ", logarithmic axis"
    return ""


LOG_FROM = 30.0
