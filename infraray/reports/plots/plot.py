"""A plot of a report's page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Shown = TypeVar("Shown")


@dataclass(frozen=True)
class Plot(Generic[Shown]):
    """One plot.

    Args:
        name: letters and hyphens, unique among the plots.
        title: the first words of the caption.
        caption: the others.
        draw: makes SVG of the data and an identifier that is unique in the page.
        is_worthwhile: whether there is anything to see.
        is_wide: whether it takes the page's whole width.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[Shown, str], str]
    is_worthwhile: Callable[[Shown], bool]
    is_wide: bool = False
