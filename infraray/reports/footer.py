"""The foot of a page: where its results come from."""

from __future__ import annotations

from collections.abc import Iterable

from infraray.reports.html_table import escape

MADE = "Made by infraray. This page is one file and works offline; headings sort their tables."


def footer(origin: Iterable[str]) -> str:
    """The HTML of the foot; ``origin`` is what `infraray.provenance.describe` says."""
    return f"<footer>{'<br>'.join([*map(escape, origin), MADE])}</footer>"
