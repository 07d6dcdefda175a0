"""The table that every benchmark prints: ours, the alternative, and their ratio, from one run."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One figure: what was measured, ours, the alternative, and ours over the alternative."""

    what: str
    ours: str
    alternative: str
    theirs: str
    ratio: float
    target: str


def print_table(rows: Sequence[Row]) -> None:
    """Prints the rows as Markdown, as docs/figures.md shows them."""
    print("| what | ours | alternative | its figure | ratio | target |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        print(f"| {row.what} | {row.ours} | {row.alternative} | {row.theirs} | {row.ratio:.2f} | {row.target} |")
